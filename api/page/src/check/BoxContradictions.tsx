// Images on which people drew otherwise: all jobs leave them out until one answer is settled.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { ImageBoxes } from "../service/types";
import { useFreshness, useLifetime } from "../shared/lifetime";
import { useRefused } from "../shared/refused";
import { drawnOn, isOwn, settleBoxes, surveyIfChanged } from "../store/drawings";
import { attempt } from "../store/notices";
import { go } from "../store/route";
import { inOrder } from "../store/turns";
import { words } from "../words";
import { Block } from "./Block";
import type { Choice } from "./Choices";
import { Row } from "./Row";
import { Scene } from "./Scene";
import { WhoSettled } from "./WhoSettled";

const EVERY_S = 30;
const MOST = 20; // images that are shown at once
const say = words.boxCheck;

export function BoxContradictions() {
  const lifetime = useLifetime();
  const counts = useSignal({ open: 0, settled: 0 });
  const found = useSignal<readonly ImageBoxes[]>([]);
  const settled = useSignal<readonly ImageBoxes[]>([]);
  const { orShown, refused } = useRefused();
  const looks = useMemo(inOrder, []);
  const shown = useMemo(() => ({ etag: null as string | null }), []);
  const refresh = () =>
    void orShown(async () => {
      const isNewest = looks.asked();
      const changed = await surveyIfChanged(shown.etag, lifetime);
      if (!changed) return;
      const { view, etag } = changed;
      const open = view.conflicts.slice(0, MOST);
      const last = view.settled.slice(-MOST).reverse();
      const drawn = await drawnOn([...open, ...last.map((name) => ({ name }))], lifetime);
      if (!isNewest()) return;
      found.value = open.flatMap(({ name }) => drawn.get(name) ?? []);
      settled.value = last.flatMap((name) => drawn.get(name) ?? []);
      counts.value = { open: view.conflicts.length, settled: view.settled.length };
      shown.etag = etag;
    });
  useEffect(refresh, []);
  useFreshness(EVERY_S, refresh);
  const onTried = (isWritten: boolean) => {
    looks.overtake(); // what was asked before may not know of it
    if (isWritten) return;
    shown.etag = null;
    refresh();
  };
  const { check } = words;
  return (
    <>
      {refused}
      <Block heading={say.conflicts} hint={say.conflictsHint} count={counts.value.open}>
        {found.value.map((image) => (
          <Contradiction key={image.name} image={image} onTried={onTried} />
        ))}
      </Block>
      <Block heading={check.settledHeading} hint={check.settledHint} count={counts.value.settled}>
        {settled.value.map((image) => (
          <Settled key={image.name} image={image} onTried={onTried} />
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
  const isSettled = useSignal(false);
  const settle = useSettling(image, (drawing, isWritten) => {
    if (isWritten) isSettled.value = drawing !== null;
    onTried(isWritten);
  });
  const finished = image.drawings.filter((one) => !one.unfinished);
  const choices: Choice[] = finished.map((one) => ({
    label: say.take(one.person, isOwn(one)),
    settle: () => settle(one),
    said: say.settled(image.name, one.person),
  }));
  if (isSettled.value) choices.push({ ...openAgain(image.name), settle: () => settle(null) });
  return (
    <Row choices={choices}>
      <div class="two-up drawings">
        {finished.map((one) => (
          <Drawn key={one.file} image={image} drawing={one} said={say.by(one.person, one.boxes.length)} />
        ))}
      </div>
      <p class="grow name">{image.name}</p>
      <button type="button" onClick={() => go("label", { image: image.name })}>
        {say.draw}
      </button>
    </Row>
  );
}

/** What counts of an image, whatever people drew; it can be opened again. */
function Settled({ image, onTried }: Given) {
  const settle = useSettling(image, (_, isWritten) => onTried(isWritten));
  if (!image.settled) return null;
  const { boxes } = image.settled;
  return (
    <Row choices={[{ ...openAgain(image.name), settle: () => settle(null) }]}>
      <div class="two-up drawings">
        <Drawn image={image} drawing={image.settled} said={say.nBoxes(boxes.length)} />
      </div>
      <div class="grow">
        <p class="name">{image.name}</p>
        <WhoSettled by={image.settled_by} />
      </div>
    </Row>
  );
}

function Drawn({ image, drawing, said }: { image: ImageBoxes; drawing: Drawing; said: string }) {
  const size = image.width && image.height ? { width: image.width, height: image.height } : drawing;
  return (
    <figure>
      <Scene
        name={image.name}
        size={size}
        marked={drawing.boxes.map(({ class: title, box: place }) => ({ place, title, kind: "drawn" }))}
      />
      <figcaption class="small">{said}</figcaption>
    </figure>
  );
}

const openAgain = (name: string) => ({ label: words.check.openAgain, said: say.opened(name), opens: true });

/** Settles that a drawing counts, as all of them are shown: what anybody drew or settled since is not passed over. Null
 * opens the question again. */
function useSettling(image: ImageBoxes, onTried: (drawing: Drawing | null, isWritten: boolean) => void) {
  const seen = useMemo(() => ({ version: image.version }), [image]);
  return async (drawing: Drawing | null) => {
    const { boxes, width, height } = drawing ?? { boxes: null, width: undefined, height: undefined };
    const given = { name: image.name, boxes, width, height, version: seen.version };
    const version = await attempt(() => settleBoxes(given));
    if (version !== null) seen.version = version;
    onTried(drawing, version !== null);
    return version === null ? ("refused" as const) : ("written" as const);
  };
}
