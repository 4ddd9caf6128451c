import { Combobox, Input, InputBase, useCombobox } from '@mantine/core'
import { Check } from 'lucide-react'
import { STATUSES, type Status } from '../api/types'
import { LABELS } from '../app/statuses'
import { StatusBadge } from '../parts/StatusBadge'
import classes from './executions.module.css'

interface Props {
  value: readonly Status[]
  onChange: (value: Status[]) => void
}

/** Any number of statuses; none of them stands for all. */
export function StatusFilter({ value, onChange }: Props) {
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() })
  const toggle = (status: string) =>
    onChange(STATUSES.filter((one) => (one === status) !== value.includes(one)))
  return (
    <Combobox
      store={combobox}
      onOptionSubmit={toggle}
      width={210}
      position="bottom-start"
      withinPortal={false}
    >
      <Combobox.Target targetType="button">
        <InputBase
          component="button"
          type="button"
          pointer
          aria-label={`Status: ${words(value)}`}
          rightSection={
            value.length > 0 ? (
              <Combobox.ClearButton
                size="sm"
                aria-label="Clear status"
                onClear={() => onChange([])}
              />
            ) : (
              <Combobox.Chevron />
            )
          }
          rightSectionPointerEvents={value.length > 0 ? 'all' : 'none'}
          onClick={() => combobox.toggleDropdown()}
          w={190}
        >
          {value.length > 0 ? (
            <span className={classes.cut}>{words(value)}</span>
          ) : (
            <Input.Placeholder>Any status</Input.Placeholder>
          )}
        </InputBase>
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Options aria-label="Status">
          {STATUSES.map((status) => (
            <Combobox.Option key={status} value={status} active={value.includes(status)}>
              <span className={classes.option}>
                <StatusBadge status={status} />
                {value.includes(status) && <Check size={14} aria-hidden />}
              </span>
            </Combobox.Option>
          ))}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  )
}

function words(value: readonly Status[]): string {
  if (value.length === 0) return 'Any status'
  if (value.length <= 2) return value.map((status) => LABELS[status]).join(', ')
  return `${value.length} statuses`
}
