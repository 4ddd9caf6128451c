import { ActionIcon, CopyButton } from '@mantine/core'
import { Check, Copy } from 'lucide-react'
import classes from './parts.module.css'

interface Props {
  text: string
  label: string
}

/** Text of machines, with a button that copies it. */
export function CopyText({ text, label }: Props) {
  return (
    <span className={classes.copyText}>
      <span className={classes.copied} title={text}>
        {text}
      </span>
      <CopyIcon text={text} label={label} />
    </span>
  )
}

/** The button alone, beside text that is something else as well. */
export function CopyIcon({ text, label, tabIndex = 0 }: Props & { tabIndex?: number }) {
  return (
    <CopyButton value={text} timeout={1500}>
      {({ copied, copy }) => (
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          tabIndex={tabIndex}
          aria-label={copied ? 'Copied' : `Copy ${label}`}
          onClick={(event) => {
            event.stopPropagation()
            copy()
          }}
        >
          {copied ? <Check size={13} /> : <Copy size={13} />}
        </ActionIcon>
      )}
    </CopyButton>
  )
}
