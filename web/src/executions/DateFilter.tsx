import '@mantine/dates/styles.css'
import { DatePickerInput } from '@mantine/dates'
import { CalendarDays } from 'lucide-react'
import { useEffect, useState } from 'react'
import { dayBefore } from '../parts/time'

type Days = [string | null, string | null]

interface Props {
  from: string | undefined
  to: string | undefined
  onChange: (change: { from: string | undefined; to: string | undefined }) => void
}

const ARIA_LABELS = {
  previousMonth: 'Previous month',
  nextMonth: 'Next month',
  previousYear: 'Previous year',
  nextYear: 'Next year',
  previousDecade: 'Previous decade',
  nextDecade: 'Next decade',
}

/** From one day to another, both of them with, in the local calendar. */
export function DateFilter({ from, to, onChange }: Props) {
  const [days, setDays] = useState<Days>([from ?? null, to ?? null])
  useEffect(() => setDays([from ?? null, to ?? null]), [from, to])
  const choose = ([first, last]: Days) => {
    setDays([first, last])
    // With the first day alone the choice is still being made.
    if ((first === null) === (last === null)) {
      onChange({ from: first ?? undefined, to: last ?? undefined })
    }
  }
  return (
    <DatePickerInput
      type="range"
      aria-label={from || to ? `Dates: ${from ?? ''} – ${to ?? ''}` : 'Dates: Any date'}
      aria-haspopup="dialog"
      placeholder="Any date"
      leftSection={<CalendarDays size={14} />}
      valueFormat="YYYY-MM-DD"
      value={days}
      onChange={choose}
      presets={presets(Date.now())}
      firstDayOfWeek={1}
      weekendDays={[]}
      allowSingleDateInRange
      highlightToday
      clearable
      clearButtonProps={{ 'aria-label': 'Clear dates' }}
      ariaLabels={ARIA_LABELS}
      hideOutsideDates
      // Mantine names the dialog after a target that the input has renamed.
      popoverProps={{
        shadow: 'md',
        position: 'bottom-start',
        withinPortal: false,
        withRoles: false,
      }}
      w={260}
    />
  )
}

function presets(now: number): { value: [string, string]; label: string }[] {
  const today = dayBefore(now, 0)
  return [
    { value: [today, today], label: 'Today' },
    { value: [dayBefore(now, 1), dayBefore(now, 1)], label: 'Yesterday' },
    { value: [dayBefore(now, 6), today], label: 'Last 7 days' },
    { value: [dayBefore(now, 29), today], label: 'Last 30 days' },
    { value: [dayBefore(now, 89), today], label: 'Last 90 days' },
  ]
}
