"""Cameras in, segments out: stream copy with sound into fragmented MP4, hash chain inside the file.

May import `contract` and `devices.ports`. The way of a frame: `rtsp` connects, `ingest` reads sockets on a timer,
`rtp`, `h264` and `sound` depacketise, `timeline` gives wall time, `segmenter` cuts fragments and segments,
`writer` hashes and syncs them on disk threads, `coverage` accounts every second, `index` keeps rows and numbered
reports. `recover` repairs after a crash, `worker` is the process, `link` speaks to the edge, `live` sends to browsers
(aiortc is imported only at the first view). Start reading at `segmenter`; the rules are in
`docs/design/segments.md`.
"""
