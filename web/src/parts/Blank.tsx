import type { ReactNode } from 'react'
import { CopyText } from './CopyText'
import classes from './parts.module.css'

/** Nothing to show, why, and what to do about it. */
export function Blank({
  title,
  text,
  command,
  action,
}: {
  title: string
  text: ReactNode
  /** What does it from a terminal. */
  command?: string
  action?: ReactNode
}) {
  return (
    <div className={classes.blank}>
      <p className={classes.blankTitle}>{title}</p>
      <div className={classes.blankText}>{text}</div>
      {command && <CopyText text={command} label="command" />}
      {action}
    </div>
  )
}
