// An SSE server as one writes it with Node's own modules: each fragment is made an event once, and written to
// all clients; a new client begins at the newest keyframe.
// stdin: messages of u32 length, u8 kind (0 init, 1 keyframe, 2 other), f64 capture (ms since the epoch; all
// little-endian), then the fragment; the length counts what follows it.
import http from 'node:http';

const clients = new Set();
let init = '';
let group = [];
let sequence = 0;

function take(message) {
  const kind = message.readUInt8(0);
  const capture = message.readDoubleLE(1);
  const base64 = message.toString('base64', 9);
  if (kind === 0) {
    init = `event: init\ndata: ${JSON.stringify({ mime: 'video/mp4; codecs="avc1.42c00a"' })}\ndata: ${base64}\n\n`;
    return;
  }
  const seq = ++sequence;
  const json = JSON.stringify({ channel: 'raw', quality: 'default', seq, key: kind === 1, capture });
  const event = `id: ${seq}\nevent: fragment\ndata: ${json}\ndata: ${base64}\n\n`;
  if (kind === 1) group = [];
  group.push(event);
  for (const response of clients) response.write(event);
}

let waiting = Buffer.alloc(0);
process.stdin.on('data', (bytes) => {
  waiting = waiting.length > 0 ? Buffer.concat([waiting, bytes]) : bytes;
  let at = 0;
  while (waiting.length - at >= 4) {
    const length = waiting.readUInt32LE(at);
    if (waiting.length - at - 4 < length) break;
    take(waiting.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  waiting = waiting.subarray(at);
});

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.write(init + group.join(''));
  clients.add(response);
  response.on('close', () => clients.delete(response));
});
server.listen(0, '127.0.0.1', 4096, () => console.log(`http://127.0.0.1:${server.address().port}/`));
