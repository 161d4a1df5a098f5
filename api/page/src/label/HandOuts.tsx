import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { useLifetime } from "../shared/lifetime";
import { handOuts, lookAtHandOuts, takeBack } from "../store/handOuts";
import { attempt, open, tell } from "../store/notices";
import { theProject } from "../store/project";
import { addressOf } from "../store/route";
import { oneAtATime } from "../store/turns";
import { words } from "../words";

const say = words.handOuts;

/** How many images are with whom; pressed, it tells more. `job`: the batch that is shown, which is not told of. */
export function HandOuts({ job }: { job: string | undefined }) {
  const elsewhere = handOuts.value.filter((one) => one.job_id !== job);
  if (!elsewhere.length) return null;
  const count = (isMine: boolean) =>
    elsewhere.reduce((sum, one) => sum + ((one.person === theProject().person) === isMine ? one.left : 0), 0);
  return (
    <button type="button" class="link" onClick={() => void showHandOuts()}>
      {say.count(count(false), count(true))}
    </button>
  );
}

const alone = oneAtATime();
const showHandOuts = () =>
  alone(() => open<never>(say.title, (close) => <List onLeave={() => close(undefined as never)} />));

function List({ onLeave }: { onLeave: () => void }) {
  const lifetime = useLifetime();
  useEffect(() => void attempt(() => lookAtHandOuts(lifetime)), []);
  const busy = useSignal(false);
  const back = async (one: (typeof handOuts.value)[number]) => {
    busy.value = true;
    const images = await attempt(() => takeBack(one));
    busy.value = false;
    if (images !== null) tell(say.takenBack(images));
  };
  return (
    <div>
      <p class="prose">{say.hint}</p>
      {!handOuts.value.length && <p>{say.none}</p>}
      <ul class="rows">
        {handOuts.value.map((one) => (
          <li key={one.job_id}>
            <p class="grow">{say.with(one.left, one.person, one.person === theProject().person, one.ends_at)}</p>
            <a href={addressOf("label", { job: one.job_id })} onClick={onLeave}>
              {say.look}
            </a>
            <button type="button" disabled={busy.value} onClick={() => void back(one)}>
              {say.takeBack}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
