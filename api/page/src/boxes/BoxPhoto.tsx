import { useEffect, useState } from "preact/hooks";
import { Scene } from "../check/Scene";
import { useLifetime } from "../shared/lifetime";
import { type ImageSize, sizesOf } from "../store/drawings";
import { attempt } from "../store/notices";
import type { Place } from "./geometry";

/** A box of an image, with a little of what is around it. */
export function BoxPhoto({ name, place, title }: { name: string; place: Place; title: string }) {
  const lifetime = useLifetime(name);
  const [known, setKnown] = useState<{ name: string; size: ImageSize } | null>(null);
  useEffect(() => {
    void attempt(async () => {
      const size = (await sizesOf([{ name }], lifetime)).get(name);
      if (size) setKnown({ name, size });
    });
  }, [name]);
  if (known?.name !== name) return <div class="scene waits" />;
  return <Scene name={name} size={known.size} marked={[{ place, title, kind: "drawn" }]} around={place} />;
}
