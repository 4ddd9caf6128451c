import type { Json } from '../api/types'
import { type FieldProps, useForm } from './context'
import { Field } from './Field'
import { Group, Remove } from './Group'
import { below } from './paths'
import { blank, resolve, shortName } from './schema'

/** A repeated field. */
export function ListField({ schema, value, label, path, steps, around }: FieldProps) {
  const { root, change } = useForm()
  const items: readonly Json[] = Array.isArray(value) ? value : []
  const item = schema.items ?? {}
  return (
    <Group
      label={label}
      type={typeText(shortName(resolve(item, root)))}
      path={path}
      none="No items."
      onAdd={() => change([...steps, items.length], blank(item, root))}
    >
      {items.map((one, index) => (
        <div className="ax-form-item" key={index}>
          <Field
            schema={item}
            value={one}
            label={`${label} ${index + 1}`}
            path={below(path, index)}
            steps={[...steps, index]}
            isElement
            around={around}
          />
          <Remove
            what={`${label} ${index + 1}`}
            onClick={() => change([...steps, index], undefined)}
          />
        </div>
      ))}
    </Group>
  )
}

function typeText(name: string): string {
  return name ? `list of ${name}` : 'list'
}
