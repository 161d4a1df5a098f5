import type { OneLabel } from "../service/types";
import { Photo } from "../shared/Photo";
import { gathered, inWords } from "../store/answer";
import { settle } from "../store/settling";
import { words } from "../words";
import { Block, MOST_ROWS } from "./Block";
import { Row } from "./Row";

/** What was settled, the last first; each can be opened again. */
export function Settled({ labels }: { labels: readonly OneLabel[] }) {
  const { settledHeading, settledHint, openAgain } = words.check;
  const byName = [...gathered(labels)].reverse();
  return (
    <Block heading={settledHeading} hint={settledHint} count={byName.length}>
      {byName.slice(0, MOST_ROWS).map(([name, { answer }]) => (
        <Row key={name} choices={[{ label: openAgain, settle: () => settle(name, null) }]}>
          <Photo name={name} side={160} alt={name} />
          <p class="grow name">
            {name}: {inWords(answer)}
          </p>
        </Row>
      ))}
    </Block>
  );
}
