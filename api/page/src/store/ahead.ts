// The rest of a large pool, embedded while a person labels the first batches.

import { signal } from "@preact/signals";
import { ask } from "../service/service";
import type { Job } from "../service/types";
import { untilDone } from "./connection";
import { follow } from "./jobs";
import { embedded, lastJob, setLastJob, theProject } from "./project";

export const WITHIN_S = 8; // with what comes before and after, a first batch within 15 s

/** The job that embeds, while it does. */
export const ahead = signal<Job | null>(null);

/** What requests say of time: nothing once all of the pool is embedded. */
export const soon = (): { within_s?: number } =>
  embedded.peek().includes(theProject().backbone) ? {} : { within_s: WITHIN_S };

/** Sees that the rest is embedded, where a batch was chosen from a part of the pool. Starts no job again that has ended. */
export async function embedAhead(reached: { images: number; of: number } | null | undefined, signal: AbortSignal) {
  const { backbone, pool } = theProject();
  if (!reached || embedded.peek().includes(backbone)) return;
  const isWhole = reached.images === reached.of || (await isEmbedded(backbone, pool, signal));
  if (isWhole) embedded.value = [...embedded.peek(), backbone];
}

async function isEmbedded(backbone: string, pool: string, signal: AbortSignal): Promise<boolean> {
  if (ahead.peek()) return false;
  const body = { kind: "embedding", backbone, path_to_img: pool };
  const headers = { "Idempotency-Key": `ahead-${digest(`${backbone}\n${pool}`)}` }; // a colleague's page asks the same
  const known = lastJob("embedding");
  const first = await untilDone(() => ask("POST", "jobs", { body, headers, signal }), signal);
  try {
    const job = await follow(
      first,
      (now) => {
        if (now.id !== known) setLastJob("embedding", now.id);
        ahead.value = now;
      },
      signal,
    );
    return job.state === "succeeded";
  } finally {
    ahead.value = null;
  }
}

/** 64 bits by FNV-1a. */
function digest(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16);
}
