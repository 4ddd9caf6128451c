export function ConsolePage() {
  return <div className="ax-page" />
}
