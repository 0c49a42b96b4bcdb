// What an EventSource that is not ours makes of a stream of sseserve, as JSON lines on stdout, until stdin ends.
//   node client.mjs FOLDER URL [TOKEN]                           the npm package, in FOLDER/node_modules
//   node --experimental-eventsource client.mjs built-in URL      undici's, which is part of newer Node.js
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , where, url, token] = process.argv;
const Source = where === "built-in" ? EventSource : createRequire(join(where, "package.json"))("eventsource").EventSource;
const say = (object) => process.stdout.write(JSON.stringify({ at: performance.now(), ...object }) + "\n");

// The types of the boxes at the top level of an ISO base media file.
function boxes(bytes) {
  const types = [];
  for (let at = 0; at + 8 <= bytes.length; at += Math.max(8, bytes.readUInt32BE(at)))
    types.push(bytes.toString("latin1", at + 4, at + 8));
  return types;
}

const authorized = (input, init) => fetch(input, { ...init, headers: { ...init.headers, Authorization: "Bearer " + token } });
const source = new Source(url, token ? { fetch: authorized } : {});
source.addEventListener("open", () => say({ type: "open" }));
source.addEventListener("error", ({ code, message }) => say({ type: "error", code, message, state: source.readyState }));
for (const type of ["hello", "init", "fragment", "jpeg", "detections", "switch", "sync", "gap", "token", "bye"]) {
  source.addEventListener(type, ({ data, lastEventId }) => {
    const [json, binary] = data.split("\n");
    say({ type, id: lastEventId, info: JSON.parse(json), boxes: binary && boxes(Buffer.from(binary, "base64")) });
  });
}
process.stdin.on("end", () => process.exit(0)).resume();
