/** Resize, crop and normalize as classifiers have it. */
export function stepsFor({ mode, interpolation }) {
  const channels = mode === 'L' ? 1 : 3
  return [
    { op: 'decode_image', mode },
    { op: 'resize', size: 256, interpolation },
    { op: 'center_crop', size: 224 },
    { op: 'to_tensor' },
    {
      op: 'normalize',
      mean: [0.485, 0.456, 0.406].slice(0, channels),
      std: [0.229, 0.224, 0.225].slice(0, channels),
    },
  ]
}
