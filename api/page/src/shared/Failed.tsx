import { Component, type ComponentChildren } from "preact";
import { words } from "../words";

/** A view that throws says so instead of leaving an empty page. */
export class Failed extends Component<{ children: ComponentChildren }, { error: Error | null }> {
  override state = { error: null as Error | null };

  static override getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidCatch(error: Error) {
    console.error(error);
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <div class="notice bad" role="alert">
        <strong>{words.app.viewFailed}</strong> {this.state.error.message}{" "}
        <button type="button" onClick={() => location.reload()}>
          {words.app.reload}
        </button>
      </div>
    );
  }
}
