// A print console on dcmjs-dimse's network layer. Reads one JSON object on stdin, prints what it hears as JSON lines.
// {port, syntax, format, size, values: [[…rows…]…] per position, columns, rows, bits, mode: "wait" | "delete"}
// or {port, syntax, mode: "configuration"}, which reads the printer's configuration.
"use strict";
const net = require("net");
const fs = require("fs");
const { Dataset, Scp, association, constants, log, requests, responses } = require("dcmjs-dimse");
log.setLevel("error");

const { NActionRequest, NCreateRequest, NDeleteRequest, NGetRequest, NSetRequest } = requests;
const { NEventReportResponse } = responses;
const META = constants.SopClass.BasicGrayscalePrintManagementMeta;
const PRINT_JOB = constants.SopClass.PrintJob;
const SESSION = "1.2.840.10008.5.1.1.1";
const FILM = "1.2.840.10008.5.1.1.2";
const CONFIGURATION = "1.2.840.10008.5.1.1.16.376";
const CONFIGURATION_INSTANCE = "1.2.840.10008.5.1.1.17.376";
const BOX = "1.2.840.10008.5.1.1.4";
const asked = JSON.parse(fs.readFileSync(0, "utf8"));
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");
const uid = () => "2.25." + BigInt("0x" + require("crypto").randomBytes(12).toString("hex"));

class Console extends Scp {
  nEventReportRequest(request, callback) {
    say({ event: request.getEventTypeId(), job: request.getAffectedSopInstanceUid() });
    this.heard = request.getEventTypeId();
    const response = NEventReportResponse.fromRequest(request);
    response.setStatus(constants.Status.Success);
    callback(response);
  }

  ask(name, request, elements) {
    if (elements) request.setDataset(new Dataset(elements, asked.syntax));
    return new Promise((resolve) => {
      request.on("response", (response) => {
        const data = response.getDataset();
        say({ asked: name, status: response.getStatus() });
        resolve(data ? data.getElements() : {});
      });
      this.sendRequests(request);
    });
  }
}

function image(values) {
  const pixels = asked.bits > 8 ? Uint16Array.from(values) : Uint8Array.from(values);
  return {
    SamplesPerPixel: 1, PhotometricInterpretation: "MONOCHROME2", Rows: asked.rows, Columns: asked.columns,
    BitsAllocated: asked.bits > 8 ? 16 : 8, BitsStored: asked.bits, HighBit: asked.bits - 1, PixelRepresentation: 0,
    PixelData: [pixels.buffer], _vrMap: { PixelData: "OW" },
  };
}

async function configuration(peer) {
  say(await peer.ask("configuration", new NGetRequest(CONFIGURATION, CONFIGURATION_INSTANCE, [])));
  peer.sendAssociationReleaseRequest();
}

async function print(peer) {
  const session = uid();
  const film = uid();
  await peer.ask("session", new NCreateRequest(SESSION, session, META), { NumberOfCopies: "1" });
  const created = await peer.ask("film", new NCreateRequest(FILM, film, META), {
    ImageDisplayFormat: asked.format,
    FilmSizeID: asked.size,
    ReferencedFilmSessionSequence: [{ ReferencedSOPClassUID: SESSION, ReferencedSOPInstanceUID: session }],
  });
  const boxes = [].concat(created.ReferencedImageBoxSequence).map((item) => item.ReferencedSOPInstanceUID);
  for (let at = 0; at < asked.values.length; at++) {
    await peer.ask("image", new NSetRequest(BOX, boxes[at], META), {
      ImageBoxPosition: at + 1,
      BasicGrayscaleImageSequence: [image(asked.values[at])],
    });
  }
  const printed = await peer.ask("print", new NActionRequest(FILM, film, 1, META));
  if (asked.mode === "delete") {
    await peer.ask("delete film", new NDeleteRequest(FILM, film, META));
    await peer.ask("delete session", new NDeleteRequest(SESSION, session, META));
    peer.sendAbort();
    peer.socket.end();
    return;
  }
  const reference = Object.values(printed).find((one) => Array.isArray(one) && one[0]?.ReferencedSOPInstanceUID)[0];
  say({ job: reference.ReferencedSOPInstanceUID });
  for (let count = 0; peer.heard !== 3 && peer.heard !== 4; count++) {
    const found = await peer.ask("job", new NGetRequest(PRINT_JOB, reference.ReferencedSOPInstanceUID, ["2100,0020"]));
    say({ state: found.ExecutionStatus });
  }
  peer.sendAssociationReleaseRequest();
}

const agreed = new association.Association("DCMJS", "FILM");
for (const sopClass of asked.mode === "configuration" ? [META, CONFIGURATION] : [META, PRINT_JOB]) {
  agreed.addTransferSyntaxToPresentationContext(agreed.addPresentationContext(sopClass), asked.syntax);
}
const peer = new Console(net.connect({ host: "127.0.0.1", port: asked.port }), {});
peer.on("connect", () => peer.sendAssociationRequest(agreed));
peer.on("associationAccepted", () => (asked.mode === "configuration" ? configuration : print)(peer));
peer.on("associationReleaseResponse", () => peer.socket.end());
peer.on("networkError", (error) => {
  say({ trouble: error.message });
  process.exit(1);
});
