import { useEffect, useRef, useState } from "preact/hooks";
import { fetchedAddress, readyAddress, type Side } from "../service/images";
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
  const [fetched, setFetched] = useState<{ name: string; address: string } | null>(null);
  /** What could not be shown, and after how many comebacks of the service: after the next one it is tried again. */
  const [failed, setFailed] = useState<{ name: string; tries: number } | null>(null);
  const tries = comebacks.value;
  const ready = near ? readyAddress({ pool, name, side }) : null;
  const address = ready ?? (fetched?.name === name ? fetched.address : null);
  const isBroken = failed?.name === name && failed.tries === tries;
  const fail = () => setFailed({ name, tries });

  useEffect(() => {
    if (near || !place.current) return;
    const seen = new IntersectionObserver((all) => all.some((one) => one.isIntersecting) && setNear(true), {
      rootMargin: "400px",
    });
    seen.observe(place.current);
    return () => seen.disconnect();
  }, [near]);

  useEffect(() => {
    if (!near || address) return;
    let wanted = true;
    fetchedAddress({ pool, name, side }).then(
      (found) => wanted && setFetched({ name, address: found }),
      () => wanted && fail(),
    );
    return () => {
      wanted = false;
    };
  }, [near, address, pool, name, side, tries]);

  return (
    <span class={isBroken ? "frame broken" : "frame"} data-words={words.app.brokenImage}>
      <img
        key={`${name} ${failed?.name === name && !isBroken ? tries : ""}`} // never one image under another's name
        ref={place}
        alt={alt}
        loading={eager ? "eager" : "lazy"}
        fetchpriority={eager ? "high" : "auto"}
        decoding="async"
        src={address ?? undefined}
        draggable={false}
        onError={fail}
      />
    </span>
  );
}
