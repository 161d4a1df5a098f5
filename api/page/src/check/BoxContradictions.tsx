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
      const isNewest = looks();
      const { conflicts } = await survey(lifetime);
      const drawn = await drawnOn(conflicts.slice(0, MOST), lifetime);
      if (!isNewest()) return;
      found.value = [...drawn.values()];
      all.value = conflicts.length;
    });
  useEffect(refresh, []);
  useFreshness(EVERY_S, refresh);
  return (
    <>
      {refused}
      <Block heading={say.conflicts} hint={say.conflictsHint} count={all.value}>
        {found.value.map((image) => (
          <Contradiction key={image.name} image={image} lookAgain={refresh} />
        ))}
      </Block>
    </>
  );
}

type Drawing = ImageBoxes["drawings"][number];

function Contradiction({ image, lookAgain }: { image: ImageBoxes; lookAgain: () => void }) {
  const finished = image.drawings.filter((one) => !one.unfinished);
  const size = image.width && image.height ? { width: image.width, height: image.height } : finished[0]!;
  const choices = finished.map((one) => ({
    label: say.take(one.person, isOwn(one)),
    settle: async () => {
      const written = await settle(image, one);
      if (written === "refused") lookAgain();
      return written;
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

/** What that person drew is right: it goes into one's own file, and what contradicts it out of all others. */
async function settle(image: ImageBoxes, chosen: Drawing): Promise<"written" | "refused"> {
  const mine = image.drawings.find(isOwn);
  const replace = image.drawings.filter((one) => !isOwn(one)).map(({ version }) => version);
  const written = await attempt(() =>
    giveBoxes({ name: image.name, boxes: chosen.boxes, version: mine?.version ?? "" }, { replace }),
  );
  return written === null ? "refused" : "written";
}
