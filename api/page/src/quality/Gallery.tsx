import { Photo } from "../shared/Photo";
import { theProject } from "../store/project";

const MOST_IMAGES = 200;

/** Validation images, each with what is said of it. */
export function Gallery({ images }: { images: readonly { name: string; said: string }[] }) {
  const { valPool } = theProject();
  return (
    <div class="gallery">
      {images.slice(0, MOST_IMAGES).map(({ name, said }) => (
        <figure key={name}>
          <Photo pool={valPool} name={name} side={320} alt={name} />
          <figcaption class="small">
            {said} · <span class="dim">{name}</span>
          </figcaption>
        </figure>
      ))}
    </div>
  );
}
