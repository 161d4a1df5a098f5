import { Photo } from "../shared/Photo";
import { inWords } from "../store/answer";
import { attempt } from "../store/notices";
import { type Dispute, disputes, settled } from "../store/project";
import { decideFor } from "../store/settling";
import { words } from "../words";
import { Block, MOST_ROWS } from "./Block";

/** Labels of others that this person sees otherwise, and left for later. */
export function Disputes() {
  const { disputes: heading, disputesHint, theirs, mine } = words.check;
  return (
    <Block heading={heading} hint={disputesHint} count={disputes.value.length}>
      {disputes.value.slice(0, MOST_ROWS).map((one) => (
        <li key={one.theirs.name}>
          <Photo name={one.theirs.name} side={160} alt={one.theirs.name} />
          <p class="grow name">{one.theirs.name}</p>
          <button type="button" onClick={() => settled(one.theirs.name)}>
            {theirs(one.theirs.class, one.theirs.person)}
          </button>
          <button type="button" onClick={() => void attempt(() => overrule(one))}>
            {mine(one.mine)}
          </button>
        </li>
      ))}
    </Block>
  );
}

/** Where theirs is still what was left. */
async function overrule({ theirs, mine, answer }: Dispute): Promise<void> {
  const isTheirs = (now: readonly string[]) => inWords(now) === theirs.class;
  if (await decideFor([theirs.name], () => answer ?? [mine], isTheirs)) settled(theirs.name);
}
