// Jobs as a person sees them: started, followed, found again.

import { computed, signal } from "@preact/signals";
import { ask, get, isAbort, Problem } from "../service/service";
import type { Job, Kind, RequestFor, Results } from "../service/types";
import { untilDone } from "./connection";
import { total, totalApart } from "./labels";
import { allSaved } from "./outbox";
import { lastJob, setLastJob, workOn } from "./project";

const WAIT_S = 20;
const GONE = ["job_not_found", "result_expired"];

export const hasEnded = (job: Job) => ["succeeded", "failed", "cancelled"].includes(job.state);

/** Calls `onChange` with the job that the service has answered with, and whenever it changes; resolves with it when it has
 * ended. */
export async function follow(first: Response, onChange: (job: Job) => void, signal?: AbortSignal): Promise<Job> {
  let etag = first.headers.get("ETag");
  let job = (await first.json()) as Job;
  for (;;) {
    onChange(job);
    if (hasEnded(job)) return job;
    const headers: Record<string, string> = etag ? { "If-None-Match": etag } : {};
    const look = () => ask("GET", `jobs/${job.id}`, { query: { wait: WAIT_S }, headers, signal });
    let answer = await untilDone(look, signal);
    while (answer.status === 304) answer = await untilDone(look, signal);
    etag = answer.headers.get("ETag");
    job = (await answer.json()) as Job;
  }
}

/** A succeeded job's result, also when it is too large to stand in the job. */
export async function resultOf<K extends Kind>(job: Job, signal?: AbortSignal): Promise<Results[K]> {
  const inside = job.result as Results[K] | null;
  return inside ?? untilDone(() => get<Results[K]>(`jobs/${job.id}/result`, { signal }), signal);
}

/** One question, and the newest job that answers it. `R`: what is read of the answer. */
export class Question<K extends Kind, R = Results[K]> {
  /** The job as it was last seen, also while it runs. */
  readonly job = signal<Job | null>(null);
  /** The newest answer, and the job that gave it. */
  readonly answer = signal<{ job: Job; result: R } | null>(null);
  /** Why it could not be asked. */
  readonly refusal = signal<Problem | null>(null);
  readonly asking = signal(false);
  /** Neither asked before nor now. */
  readonly isNew = computed(() => !this.job.value && !this.answer.value && !this.refusal.value && !this.asking.value);

  private readonly kind: K;
  private readonly signal: AbortSignal;
  /** Awaited before an answer is shown. */
  private readonly prepare: (result: R, job: Job) => Promise<void>;
  private readonly read: (job: Job, signal: AbortSignal) => Promise<R>;

  constructor(
    kind: K,
    signal: AbortSignal,
    prepare: (result: R, job: Job) => Promise<void> = async () => {},
    read = resultOf<K> as unknown as (job: Job, signal: AbortSignal) => Promise<R>,
  ) {
    this.kind = kind;
    this.signal = signal;
    this.prepare = prepare;
    this.read = read;
  }

  /** Submits it anew, after all labels that were given are on the disk. */
  async ask(request: () => RequestFor<K>): Promise<void> {
    if (this.asking.value) return;
    await this.carefully(async () => {
      await allSaved();
      const headers = { "Idempotency-Key": unique() };
      const body = request();
      const submit = () => ask("POST", "jobs", { body, headers, signal: this.signal });
      await this.see(
        await untilDone(submit, this.signal),
        ({ id }) => id !== lastJob(this.kind) && setLastJob(this.kind, id),
      );
    });
  }

  /** Shows what was answered last; or what the job answered that the address names, whose folders then are the project.
   * Resolves with whether there was any such job. */
  async resume(named: string | null = null): Promise<boolean> {
    const id = named ?? lastJob(this.kind);
    if (!id) return false;
    let found = true;
    await this.carefully(async () => {
      try {
        const look = () => ask("GET", `jobs/${id}`, { signal: this.signal });
        await this.see(await untilDone(look, this.signal), (job) => named !== null && workOn(job));
      } catch (error) {
        if (!(error instanceof Problem) || !GONE.includes(error.code)) throw error;
        found = false;
      }
    });
    return found;
  }

  private async see(answer: Response, onChange: (job: Job) => unknown): Promise<void> {
    const job = await follow(
      answer,
      (now) => {
        onChange(now);
        this.job.value = now;
      },
      this.signal,
    );
    if (job.state !== "succeeded") return;
    const result = await this.read(job, this.signal);
    await this.prepare(result, job);
    this.answer.value = { job, result };
  }

  private async carefully(work: () => Promise<void>): Promise<void> {
    this.asking.value = true;
    this.refusal.value = null;
    this.job.value = null;
    try {
      await work();
    } catch (error) {
      if (isAbort(error)) return;
      if (!(error instanceof Problem)) throw error;
      this.refusal.value = error;
    } finally {
      this.asking.value = false;
    }
  }
}

/** How many labels were given since an answer that knew of so many; null where that is not known. */
export const labelsSince = (then: number) => (total.value === null ? null : total.value - totalApart.value - then);

/** Not `randomUUID`, which plain HTTP lacks. */
const unique = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
