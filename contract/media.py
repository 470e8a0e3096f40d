"""Reader of our fragmented MP4/MOV: boxes, the uuid chain, times and sample counts. Standard library only.

A file is `ftyp moov` and then fragments `uuid moof mdat`; at a clean close an `mfra` follows. The uuid box
carries the digest of the fragment before it, so the chain is inside the file, survives kill -9 and needs no
sidecar.
"""

import struct

CHAIN_UUID = b"jianzheng.chain\x01"
"""User type of the fragment box."""

FRAGMENT_BOX = struct.Struct(">I4s16sIIQQ32s")
"""size=80, 'uuid', CHAIN_UUID, lost packets since the fragment before, sequence 1.., wall time of writing
(us since 1970), wall time of the first video sample (us since 1970; of the first audio sample when there is
no video), digest of the fragment before. digest_n = SHA256(uuid_n, moof_n, mdat_n), whole boxes with their
headers; the first fragment's previous digest is SHA256(digest of the camera's file before, ftyp, moov), 32
zero bytes standing for the digest when the camera has no file before."""

FRAGMENT_BOX_SIZE = FRAGMENT_BOX.size
NO_DIGEST = bytes(32)
