import { useEffect, useRef, useState } from "preact/hooks";
import { imageAddress, type Side } from "../service/images";
import { key } from "../service/service";
import { comebacks } from "../store/connection";
import { theProject } from "../store/project";
import { words } from "../words";

interface Given {
  name: string;
  side: Side;
  alt?: string;
  pool?: string;
  /** At once, not when it comes into view. */
  eager?: boolean;
}

/** An image of the pool in a frame, or a word that it can't be shown. */
export function Photo({ name, side, alt = "", pool = theProject().pool, eager = false }: Given) {
  const place = useRef<HTMLImageElement>(null);
  const [near, setNear] = useState(eager || !key.value);
  const [broken, setBroken] = useState(false);
  const [address, setAddress] = useState<string | null>(null);
  const withKey = key.value;
  const tries = comebacks.value;

  useEffect(() => {
    if (near || !place.current) return;
    const seen = new IntersectionObserver((all) => all.some((one) => one.isIntersecting) && setNear(true), {
      rootMargin: "400px",
    });
    seen.observe(place.current);
    return () => seen.disconnect();
  }, [near]);

  useEffect(() => {
    if (!near) return;
    let wanted = true;
    setBroken(false);
    Promise.resolve(imageAddress(pool, name, side)).then(
      (found) => wanted && setAddress(found),
      () => wanted && setBroken(true),
    );
    return () => {
      wanted = false;
    };
  }, [near, pool, name, side, withKey, tries]);

  return (
    <span class={broken ? "frame broken" : "frame"} data-words={words.app.brokenImage}>
      <img
        ref={place}
        alt={alt}
        src={address ?? undefined}
        loading={eager ? "eager" : "lazy"}
        decoding="async"
        draggable={false}
        onError={() => setBroken(true)}
      />
    </span>
  );
}
