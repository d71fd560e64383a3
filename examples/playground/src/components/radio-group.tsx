import type { ComponentChildren } from 'preact'

interface RadioGroupProps<T extends string> {
  readonly name: string
  readonly legend: string
  readonly value: T
  readonly options: readonly {
    readonly value: T
    readonly title: string
    readonly text?: string
    /** Why it cannot be chosen. */
    readonly disabled?: boolean
  }[]
  readonly onChange: (value: T) => void
  readonly children?: ComponentChildren
}

/** Native radio buttons: arrow keys move, one stop for Tab. */
export function RadioGroup<T extends string>({ name, legend, value, options, onChange, children }: RadioGroupProps<T>) {
  return (
    <fieldset class={`choices ${name}`}>
      <legend>{legend}</legend>
      <div class="choice-row">
        {options.map((option) => (
          <label class="choice" key={option.value}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              disabled={option.disabled ?? false}
              onChange={() => onChange(option.value)}
            />
            <span class="choice-body">
              <span class="choice-title">{option.title}</span>
              {option.text ? <span class="choice-text">{option.text}</span> : null}
            </span>
          </label>
        ))}
      </div>
      {children}
    </fieldset>
  )
}
