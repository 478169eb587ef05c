import type { AnchorHTMLAttributes, ReactNode } from 'react';
import { formatRoute, go, type Route } from '../studio/route.ts';

export interface RouteLinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href' | 'onClick'> {
  readonly to: Route;
}

/** A link to a screen. */
export function RouteLink({ to, children, ...rest }: RouteLinkProps): ReactNode {
  return (
    <a
      {...rest}
      href={formatRoute(to)}
      onClick={(event) => {
        event.preventDefault();
        go(to);
      }}
    >
      {children}
    </a>
  );
}
