import { useState, type ReactNode } from 'react';
import { LayerInspector } from './layer-inspector.tsx';
import { ModelMap, type ModelMapProps } from './model-map.tsx';

export interface ExploredMapProps extends Omit<ModelMapProps, 'selectedLayer' | 'onSelectLayer'> {
  /** Whether a layer leads to the explorer of its dependencies: in the wizard, of whose model that tells. */
  readonly explores?: boolean;
}

/** The model map with the numbers of the layer that was clicked. */
export function ExploredMap({ explores = false, ...map }: ExploredMapProps): ReactNode {
  const [selected, setSelected] = useState<number | null>(null);
  const layer = selected === null ? undefined : map.layers[selected];
  return (
    <div>
      <ModelMap {...map} selectedLayer={selected} onSelectLayer={setSelected} />
      {selected !== null && layer !== undefined && (
        <LayerInspector layer={selected} of={layer} explores={explores} onClose={() => setSelected(null)} />
      )}
    </div>
  );
}
