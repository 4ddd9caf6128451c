import { allExpanded, collapseAllNested, type Props, JsonView as Tree } from 'react-json-view-lite'
import type { Json } from '../api/types'
import classes from './json.module.css'

const STYLE: NonNullable<Props['style']> = {
  container: classes.tree ?? '',
  basicChildStyle: classes.child ?? '',
  childFieldsContainer: classes.children ?? '',
  label: classes.label ?? '',
  clickableLabel: classes.clickable ?? '',
  nullValue: classes.nothing ?? '',
  undefinedValue: classes.nothing ?? '',
  stringValue: classes.string ?? '',
  booleanValue: classes.boolean ?? '',
  numberValue: classes.number ?? '',
  otherValue: classes.string ?? '',
  punctuation: classes.punctuation ?? '',
  expandIcon: classes.expand ?? '',
  collapseIcon: classes.collapse ?? '',
  collapsedContent: classes.collapsed ?? '',
}

/** Beyond this, only the outermost level is open at first: a browser draws every line. */
const OPEN_CHARS_MAX = 20_000

/** A message as a tree that opens and closes. */
export function JsonView({ value }: { value: Json }) {
  if (value === null || typeof value !== 'object') {
    return <pre className={classes.scalar}>{JSON.stringify(value)}</pre>
  }
  const small = JSON.stringify(value).length <= OPEN_CHARS_MAX
  return (
    <Tree
      data={value}
      style={STYLE}
      shouldExpandNode={small ? allExpanded : collapseAllNested}
      clickToExpandNode
    />
  )
}
