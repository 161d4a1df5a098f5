export const Kbd = ({ children }: { children: string }) => <kbd aria-hidden="true">{children}</kbd>;
