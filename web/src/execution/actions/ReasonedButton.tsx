import { Button, type ButtonProps, Tooltip } from '@mantine/core'

interface ReasonedProps extends ButtonProps {
  /** Why it cannot be pressed; null if it can. */
  reason: string | null
  onClick: () => void
}

// Not `disabled`: a button that cannot have the focus cannot say why.
const DISABLED = { 'aria-disabled': true, 'data-disabled': true } as const

/** A button that says why it is disabled. It keeps the focus, so that the reason can be read. */
export function ReasonedButton({ reason, onClick, children, ...props }: ReasonedProps) {
  const isDisabled = reason !== null
  return (
    <Tooltip
      label={reason}
      disabled={!isDisabled}
      events={{ hover: true, focus: true, touch: true }}
    >
      <Button
        variant="default"
        size="xs"
        {...props}
        {...(isDisabled ? DISABLED : {})}
        onClick={() => !isDisabled && onClick()}
      >
        {children}
      </Button>
    </Tooltip>
  )
}
