// Images on which people drew otherwise: all jobs leave them out until one answer is settled.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { ImageBoxes } from "../service/types";
import { useFreshness, useLifetime } from "../shared/lifetime";
import { useRefused } from "../shared/refused";
import { drawnOn, giveBoxes, isOwn, survey } from "../store/drawings";
import { attempt } from "../store/notices";
import { go } from "../store/route";
import { inOrder } from "../store/turns";
import { words } from "../words";
import { Block } from "./Block";
import type { Choice } from "./Choices";
import { Row } from "./Row";
import { Scene } from "./Scene";

const EVERY_S = 30;
const MOST = 20; // images that are shown at once
const say = words.boxCheck;

export function BoxContradictions() {
  const lifetime = useLifetime();
  const all = useSignal(0);
  const found = useSignal<readonly ImageBoxes[]>([]);
  const { orShown, refused } = useRefused();
  const looks = useMemo(inOrder, []);
  const refresh = () =>
    void orShown(async () => {
      const isNewest = looks.asked();
      const { conflicts } = await survey(lifetime);
      const drawn = await drawnOn(conflicts.slice(0, MOST), lifetime);
      if (!isNewest()) return;
      found.value = [...drawn.values()];
      all.value = conflicts.length;
    });
  useEffect(refresh, []);
  useFreshness(EVERY_S, refresh);
  const onTried = (isWritten: boolean) => {
    looks.overtake(); // what was asked before may not know of it
    if (!isWritten) refresh();
  };
  return (
    <>
      {refused}
      <Block heading={say.conflicts} hint={say.conflictsHint} count={all.value}>
        {found.value.map((image) => (
          <Contradiction key={image.name} image={image} onTried={onTried} />
        ))}
      </Block>
    </>
  );
}

type Drawing = ImageBoxes["drawings"][number];

interface Given {
  image: ImageBoxes;
  /** Called when an answer is written, or refused. */
  onTried: (isWritten: boolean) => void;
}

function Contradiction({ image, onTried }: Given) {
  const own = useMemo(() => ({ version: image.drawings.find(isOwn)?.version ?? "" }), [image]);
  const finished = image.drawings.filter((one) => !one.unfinished);
  const size = image.width && image.height ? { width: image.width, height: image.height } : finished[0]!;
  const choices = finished.map((one) => ({
    label: say.take(one.person, isOwn(one)),
    settle: async () => {
      const isWritten = await settle(image, one, own);
      onTried(isWritten);
      return isWritten ? ("written" as const) : ("refused" as const);
    },
    said: say.settled(image.name, one.person),
  }));
  return (
    <Row choices={choices satisfies Choice[]}>
      <div class="two-up drawings">
        {finished.map((one) => (
          <figure key={one.file}>
            <Scene
              name={image.name}
              size={size}
              marked={one.boxes.map(({ class: title, box: place }) => ({ place, title, kind: "drawn" }))}
            />
            <figcaption class="small">{say.by(one.person, one.boxes.length)}</figcaption>
          </figure>
        ))}
      </div>
      <p class="grow name">{image.name}</p>
      <button type="button" onClick={() => go("label", { image: image.name })}>
        {say.draw}
      </button>
    </Row>
  );
}

/** What that person drew is right: it goes into one's own file, and what contradicts it out of all others, as they are
 * shown: what anybody drew since is not overwritten. `own`: the version of one's own drawing, which is another one then. */
async function settle(image: ImageBoxes, chosen: Drawing, own: { version: string }): Promise<boolean> {
  const replace = image.drawings.filter((one) => !isOwn(one)).map(({ version }) => version);
  const { boxes, width, height } = chosen;
  const given = { name: image.name, boxes, width, height, version: own.version };
  const version = await attempt(() => giveBoxes(given, { replace }));
  if (version !== null) own.version = version;
  return version !== null;
}
