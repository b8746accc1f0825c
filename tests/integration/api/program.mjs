// A service in another language: submits a job, follows it by server-sent events, is told by a webhook, and fetches the picture.
// Nothing but what node brings. Argument: the API's address. Prints what it saw as JSON.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const api = process.argv[2];
const json = { "Content-Type": "application/json" };

function told(ok, what) {
  if (!ok) throw new Error(what);
}

async function post(path, body, headers = {}) {
  const answer = await fetch(api + path, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) });
  told(answer.ok, `${path}: ${answer.status} ${answer.ok ? "" : await answer.text()}`);
  return answer.json();
}

function isGenuine(headers, body, secret) {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const wanted = createHmac("sha256", key).update(signed).digest();
  return headers["webhook-signature"].split(" ").some((one) => {
    const shown = Buffer.from(one.replace("v1,", ""), "base64");
    return shown.length === wanted.length && timingSafeEqual(shown, wanted);
  });
}

// The receiver.
let arrived;
const message = new Promise((resolve) => (arrived = resolve));
const receiver = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  response.writeHead(204).end();
  arrived({ headers: request.headers, body });
});
await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const endpoint = await post("/v1/webhook-endpoints", {
  url: `http://127.0.0.1:${receiver.address().port}/in`,
  types: ["job.succeeded"],
});

// The job.
const request = {
  taskType: "TEXT_IMAGE",
  textToImageParams: { text: "a red sailboat" },
  imageGenerationConfig: { width: 512, height: 512 },
};
const job = await post("/v1/jobs", { request, model: "amazon.nova-canvas-v1:0" }, { "Idempotency-Key": "order-7" });
const again = await post("/v1/jobs", { request, model: "amazon.nova-canvas-v1:0" }, { "Idempotency-Key": "order-7" });
told(again.id === job.id, "the same key made another job");

// Its events, until the stream ends with the job.
const events = [];
const stream = await fetch(`${api}/v1/jobs/${job.id}/events`);
let rest = "";
for await (const part of stream.body.pipeThrough(new TextDecoderStream())) {
  rest += part;
  const whole = rest.split("\n\n");
  rest = whole.pop();
  for (const event of whole) {
    const kind = /^event: (.*)$/m.exec(event);
    if (kind) events.push(kind[1]);
  }
}

const done = await (await fetch(`${api}/v1/jobs/${job.id}`)).json();
const picture = await fetch(`${api}/v1/assets/${done.outputs[0].sha256}/content?format=webp&w=128`);
const bytes = Buffer.from(await picture.arrayBuffer());
// The width of a lossy WebP picture stands in 14 bits behind its start code.
const width = bytes.readUInt16LE(bytes.indexOf(Buffer.from([0x9d, 0x01, 0x2a])) + 3) & 0x3fff;

const { headers, body } = await message;
receiver.close();
console.log(
  JSON.stringify({
    state: done.state,
    events,
    picture: { type: picture.headers.get("content-type"), width },
    webhook: {
      type: JSON.parse(body).type,
      genuine: isGenuine(headers, body, endpoint.secret),
      forged: isGenuine(headers, body + " ", endpoint.secret),
    },
  }),
);
