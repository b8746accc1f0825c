// Uses @aws-sdk/client-bedrock-runtime with nothing but environment variables; reads requests from standard input.
import { readFileSync } from "node:fs";
import { createHash } from "node:crypto";
import * as sdk from "@aws-sdk/client-bedrock-runtime";

const client = new sdk.BedrockRuntimeClient({ maxAttempts: 1 });

async function outcome(request) {
  try {
    const command = new sdk.InvokeModelCommand({ modelId: request.model, body: JSON.stringify(request.body) });
    const answer = await client.send(command);
    const { images } = JSON.parse(new TextDecoder().decode(answer.body));
    return { images: images.map((image) => createHash("sha256").update(Buffer.from(image, "base64")).digest("hex")) };
  } catch (error) {
    return {
      exception: error.name,
      typed: error.name in sdk && error instanceof sdk[error.name],
      status: error.$metadata?.httpStatusCode,
      message: error.message,
    };
  }
}

const requests = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(await Promise.all(requests.map(outcome))));
client.destroy();
