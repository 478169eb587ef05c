import type { AnchorHTMLAttributes, ReactNode } from 'react';
import { formatRoute, go, type Route } from '../studio/route.ts';

export interface RouteLinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href' | 'onClick'> {
  readonly to: Route;
  /** Goes there in its own way. */
  readonly onGo?: (() => void) | undefined;
}

/** A link to a screen. */
export function RouteLink({ to, onGo, children, ...rest }: RouteLinkProps): ReactNode {
  return (
    <a
      {...rest}
      href={formatRoute(to)}
      onClick={(event) => {
        event.preventDefault();
        if (onGo === undefined) go(to);
        else onGo();
      }}
    >
      {children}
    </a>
  );
}
