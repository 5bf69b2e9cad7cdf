"""Every bound of the upper layer, with a default that fits a 1 GB board: `[limits]` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what peers may take; sizes in bytes, times in seconds."""

    connections: int = 512
    """Open TCP connections. Above it the oldest that has not associated makes room for the newest."""
    associations: int = 256
    """Open associations; more are rejected with 2/3/2."""
    associations_per_peer: int = 160
    """Open associations from one address; more are rejected with 2/3/2."""
    associate_bytes: int = 256 * KIB
    """Length of an A-ASSOCIATE-RQ. 128 contexts with 40 transfer syntaxes each take 150 KiB."""
    contexts: int = 128
    """Presentation contexts of one request: odd IDs from 1 to 255 (PS3.8 §9.3.2.2)."""
    transfer_syntaxes: int = 64
    """Transfer syntaxes of one presentation context."""
    pdu_bytes: int = 128 * KIB
    """Our own maximum length, announced in the A-ASSOCIATE-AC."""
    pdu_tolerated_bytes: int = 4 * MIB
    """Some peers send longer P-DATA than was announced to them; they are streamed too, up to this."""
    command_bytes: int = 64 * KIB
    """Length of one command set."""
    data_set_bytes: int = 4096 * MIB
    """Length of the data set of a C-STORE."""
    normalized_data_set_bytes: int = 512 * MIB
    """Length of the data set of an N- service: a 14×17 in colour film at 600 dpi takes 257 MB."""
    memory_bytes: int = 256 * KIB
    """A data set of an N- service that is longer than this goes to a spool file while it arrives."""
    handshake_s: float = 10.0
    """From connection to the whole A-ASSOCIATE-RQ, and from our last word to the closed connection (ARTIM)."""
    pdu_s: float = 30.0
    """From the first to the last byte of a PDU."""
    message_s: float = 60.0
    """From the first to the last byte of a message, longer by what `slowest_bytes_per_s` grants."""
    slowest_bytes_per_s: int = 16 * KIB
    """A message may take this much longer for its length: an old modality behind an old modem."""
    send_s: float = 30.0
    """How long a peer may leave our words unread."""
    event_s: float = 30.0
    """How long we wait for the response to an N-EVENT-REPORT; its absence is no fault."""
    idle_print_s: float = 4 * 3600.0
    """Silence on an association with a printer: consoles keep theirs open between films."""
    idle_storage_s: float = 600.0
    """Silence on an association with a disc station or an inbox."""
    idle_echo_s: float = 60.0
    """Silence on an association that can only C-ECHO."""
    dialogue_messages: int = 200
    """Lines that one association's dialogue record keeps; repeated ones are counted in one line."""
    dialogue_days: int = 14
    """Days with dialogue records (`gravure peers`) that are kept on disk, one file each."""
