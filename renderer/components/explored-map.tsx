import { useState, type ReactNode } from 'react';
import { LayerInspector } from './layer-inspector.tsx';
import { ModelMap, type ModelMapProps } from './model-map.tsx';

/** The model map with the numbers of the layer that was clicked. */
export function ExploredMap(map: Omit<ModelMapProps, 'selectedLayer' | 'onSelectLayer'>): ReactNode {
  const [selected, setSelected] = useState<number | null>(null);
  const layer = selected === null ? undefined : map.layers[selected];
  return (
    <div>
      <ModelMap {...map} selectedLayer={selected} onSelectLayer={setSelected} />
      {selected !== null && layer !== undefined && (
        <LayerInspector layer={selected} of={layer} onClose={() => setSelected(null)} />
      )}
    </div>
  );
}
