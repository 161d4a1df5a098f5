/** A share as a bar. */
export function Meter({ share, label }: { share: number; label: string }) {
  return (
    <span class="meter" role="img" aria-label={label}>
      <span style={{ width: `${Math.round(share * 1000) / 10}%` }} />
    </span>
  );
}
