import { LocateFixed } from 'lucide-react'
import classes from './tabs.module.css'

/** A node visit; pressing it shows its placement on the canvas. */
export function NodeLink(props: {
  position: string
  alias: string
  onShowNode: (alias: string) => void
}) {
  return (
    <button
      type="button"
      className={classes.nodeLink}
      title="Show on canvas"
      aria-label={`Show ${props.position} on canvas`}
      onClick={() => props.onShowNode(props.alias)}
    >
      {props.position}
      <LocateFixed size={13} aria-hidden />
    </button>
  )
}
