// A film imager on dcmjs-dimse's network layer. Reads one JSON object on stdin, prints its port and then what it is
// asked as JSON lines. {classes, refuse: {keyword: status}, warn: {command: [status, comment]}, fail: {command:
// [status, comment]}, once, ownUids, wrongTag, mute, annotations, events: [[type, info, ms]], asked: [[status, info]],
// printer: [status, info], boxes, noClass, hangUp: "action" | "events"}
"use strict";
const net = require("net");
const fs = require("fs");
const { Dataset, Scp, Server, constants, log, requests, responses } = require("dcmjs-dimse");
log.setLevel("silent");

const wish = JSON.parse(fs.readFileSync(0, "utf8"));
const PRINT_JOB = "1.2.840.10008.5.1.1.14";
const PRINTER = "1.2.840.10008.5.1.1.16";
const FILM = "1.2.840.10008.5.1.1.2";
const BOX = "1.2.840.10008.5.1.1.4";
const ANNOTATION = "1.2.840.10008.5.1.1.15";
const EXPLICIT = constants.TransferSyntax.ExplicitVRLittleEndian;
const say = (what) => fs.writeSync(1, JSON.stringify(what) + "\n");
let number = 0;
const uid = () => "1.2.3.4." + ++number;
const jobs = {};
const told = new Set();

class Imager extends Scp {
  associationRequested(association) {
    this.association = association;
    this.syntax = constants.TransferSyntax.ImplicitVRLittleEndian;
    const proposed = [];
    for (const one of association.getPresentationContexts()) {
      const context = association.getPresentationContext(one.id);
      const syntaxes = context.getTransferSyntaxUids();
      proposed.push([context.getAbstractSyntaxUid(), syntaxes]);
      if (wish.classes && !wish.classes.includes(context.getAbstractSyntaxUid())) {
        context.setResult(constants.PresentationContextResult.RejectAbstractSyntaxNotSupported);
        continue;
      }
      const taken = syntaxes.includes(EXPLICIT) ? EXPLICIT : syntaxes[0];
      this.syntax = taken;
      context.setResult(constants.PresentationContextResult.Accept, taken);
    }
    say({ proposed });
    this.sendAssociationAccept();
  }

  associationReleaseRequested() {
    say({ released: true });
    this.sendAssociationReleaseResponse();
  }

  answer(name, request, Response, callback, elements, instance) {
    const data = request.getDataset();
    const found = data ? data.getElements() : {};
    const heard = {};
    for (const [keyword, value] of Object.entries(found)) {
      if (!keyword.startsWith("_") && !/Sequence$/.test(keyword)) heard[keyword] = value;
    }
    const image = [].concat(found.BasicGrayscaleImageSequence || [])[0];
    if (image) heard.bits = image.BitsStored;
    if (found.ReferencedPresentationLUTSequence) heard.lut = true;
    const sop = request.getAffectedSopClassUid() || request.getRequestedSopClassUid();
    const at = request.getAffectedSopInstanceUid() || request.getRequestedSopInstanceUid() || "";
    say({ asked: name, class: sop, uid: at, heard });
    const response = Response.fromRequest(request);
    let [status, comment] = wish.warn?.[name] || [0, ""];
    const refused = Object.keys(wish.refuse || {}).find((keyword) => keyword in found || (image && keyword in image));
    if (refused && !(wish.refuse[refused] < 100 && !(image && image[refused] > wish.refuse[refused]))) {
      [status, comment] = [wish.refuse[refused] < 100 ? 0x0106 : wish.refuse[refused], "no " + refused];
    }
    if (wish.fail?.[name] && !(wish.once && told.has(name))) [status, comment] = wish.fail[name];
    told.add(name);
    response.setStatus(status);
    if (wish.noClass) delete response.getCommandDataset().elements.AffectedSOPClassUID;
    if (comment) response.getCommandDataset().setElement("ErrorComment", comment);
    const good = status === 0 || status === 0x0107 || status === 0x0116 || status >> 12 === 0xb;
    if (good && instance) response.setAffectedSopInstanceUid(instance);
    if (good && elements) response.setDataset(new Dataset(elements, this.syntax));
    callback(response);
    return good;
  }

  nCreateRequest(request, callback) {
    const sop = request.getAffectedSopClassUid();
    const given = request.getAffectedSopInstanceUid();
    const instance = wish.ownUids || !given ? uid() : given;
    let elements;
    if (sop === FILM) {
      const format = String(request.getDataset().getElement("ImageDisplayFormat")).match(/\d+/g).map(Number);
      const count = wish.boxes ?? format.reduce((one, other) => one * other, 1);
      const references = (name, many) =>
        Array.from({ length: many }, () => ({ ReferencedSOPClassUID: name, ReferencedSOPInstanceUID: uid() }));
      elements = { ReferencedImageBoxSequence: references(BOX, count) };
      if (wish.annotations && "AnnotationDisplayFormatID" in request.getDataset().getElements()) {
        elements.ReferencedBasicAnnotationBoxSequence = references(ANNOTATION, wish.annotations);
      }
    }
    this.answer("create " + sop, request, responses.NCreateResponse, callback, elements, instance);
  }

  nSetRequest(request, callback) {
    this.answer("set", request, responses.NSetResponse, callback);
  }

  nDeleteRequest(request, callback) {
    this.answer("delete", request, responses.NDeleteResponse, callback);
  }

  nGetRequest(request, callback) {
    const sop = request.getRequestedSopClassUid();
    if (sop === PRINTER) {
      const [PrinterStatus, PrinterStatusInfo] = wish.printer || ["NORMAL", "NORMAL"];
      this.answer("status", request, responses.NGetResponse, callback, { PrinterStatus, PrinterStatusInfo });
      return;
    }
    const states = jobs[request.getRequestedSopInstanceUid()];
    if (!states || wish.mute) {
      say({ asked: "job", known: false });
      const response = responses.NGetResponse.fromRequest(request);
      response.setStatus(0x0112);
      callback(response);
      return;
    }
    const [ExecutionStatus, ExecutionStatusInfo] = states.length > 1 ? states.shift() : states[0];
    this.answer("job", request, responses.NGetResponse, callback, { ExecutionStatus, ExecutionStatusInfo });
  }

  nActionRequest(request, callback) {
    const sop = request.getRequestedSopClassUid();
    if (wish.hangUp === "action") {
      say({ asked: "action " + sop });
      this.socket.destroy();
      return;
    }
    const job = uid();
    const item = { ReferencedSOPClassUID: PRINT_JOB, ReferencedSOPInstanceUID: job };
    let elements;
    if (wish.events || wish.asked || wish.mute) {
      elements = wish.wrongTag
        ? {
            RETIRED_ReferencedPrintJobSequence: [
              { ReferencedSOPClassUID: PRINT_JOB },
              { ReferencedSOPInstanceUID: job },
            ],
          }
        : { RETIRED_ReferencedPrintJobSequencePullStoredPrint: [item] };
      elements.RETIRED_PrintJobID = "17";
    }
    if (!this.answer("action " + sop, request, responses.NActionResponse, callback, elements)) return;
    if (wish.asked) jobs[job] = wish.asked.map((one) => one.slice());
    let at = 0;
    for (const [type, info, ms] of wish.events || []) {
      at += ms;
      setTimeout(() => {
        if (type === "hang up") {
          this.socket.destroy();
          return;
        }
        const [aClass, instance] = type > 10 ? [PRINTER, "1.2.840.10008.5.1.1.17"] : [PRINT_JOB, job];
        const meta = type > 10 ? constants.SopClass.BasicGrayscalePrintManagementMeta : undefined;
        const event = new requests.NEventReportRequest(aClass, instance, type % 10, meta);
        const name = type > 10 ? "PrinterStatusInfo" : "ExecutionStatusInfo";
        if (info) event.setDataset(new Dataset({ [name]: info }, this.syntax));
        event.on("response", (response) => say({ confirmed: type, status: response.getStatus() }));
        this.sendRequests(event);
      }, at);
    }
  }
}

const server = new Server(Imager);
server.on("networkError", () => {});
process.on("uncaughtException", (error) => say({ trouble: String(error && error.stack) }));
const free = net.createServer().listen(0, "127.0.0.1", () => {
  const port = free.address().port;
  free.close(() => {
    server.listen(port, { host: "127.0.0.1" });
    const ready = () =>
      net.connect(port, "127.0.0.1").on("connect", function () { this.destroy(); say({ port }); }).on("error", () => setTimeout(ready, 20));
    ready();
  });
});
