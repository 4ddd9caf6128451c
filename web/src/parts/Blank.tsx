import type { ReactNode } from 'react'
import classes from './parts.module.css'

/** Nothing to show, why, and what to do about it. */
export function Blank({
  title,
  text,
  action,
}: {
  title: string
  text: ReactNode
  action?: ReactNode
}) {
  return (
    <div className={classes.blank}>
      <p className={classes.blankTitle}>{title}</p>
      <div className={classes.blankText}>{text}</div>
      {action}
    </div>
  )
}
