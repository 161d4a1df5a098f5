import { later } from "./later";
import { Photo } from "./Photo";
import type { ZoomGiven } from "./ZoomPhoto";

/** An image that can be looked at closely; until the code for that is there, the image as it is. */
export const ClosePhoto = later<ZoomGiven>(
  async () => (await import("./ZoomPhoto")).ZoomPhoto,
  ({ name }) => (
    <div class="zoom-photo">
      <Photo name={name} side={1024} alt={name} eager />
      <div class="row looks-row" />
    </div>
  ),
);
