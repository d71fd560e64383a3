import { float32FromBfloat16, float32FromFloat16 } from '../half.ts'
import type { Tensor } from '../tensor.ts'
import type { BackendFeatures } from './features.ts'
import type { LoadedFixture } from './fixture.ts'

function isFiniteTensor(tensor: Tensor): boolean {
  switch (tensor.dtype) {
    case 'float16':
      return float32FromFloat16(tensor.data).every(Number.isFinite)
    case 'bfloat16':
      return float32FromBfloat16(tensor.data).every(Number.isFinite)
    case 'float32':
    case 'float64':
      return (tensor.data as Float64Array).every(Number.isFinite)
    default:
      return true
  }
}

/** The fixture with the goldens that can reach the model and come back. */
export function carriedGoldens(fixture: LoadedFixture, { notFinite = true }: BackendFeatures): LoadedFixture {
  if (notFinite) return fixture
  const goldens = fixture.goldens.filter(({ inputs, outputs }) =>
    [...Object.values(inputs), ...Object.values(outputs)].every(isFiniteTensor),
  )
  return { ...fixture, goldens }
}
