import { readdirSync } from 'node:fs';
import path from 'node:path';

const ROUTES = path.resolve(import.meta.dirname, '../../src/routes/(app)');
/** What stands for [id] where it is no number. */
const IDS: Record<string, string> = { '/docs/[id]': '/docs/manual-recovery' };
/** Pages that show something else by what is in their address. */
const MORE = ['/library?view=table', '/jobs?new=1', '/restore?path=part-0', '/notifications/rules?rule=1', '/notifications/outbox?message=1', '/notifications/templates?kind=telegram', '/restore?q=file-1', '/restore?view=history', '/docs?q=encrypted'];
/** The same with nothing that fits. */
export const NOTHING_FITS = ['/tapes?q=nothing', '/runs?kind=drill', '/jobs?q=nothing', '/restore?q=nothing-like-it', '/settings?q=nothing', '/docs?q=xyzzy'];

/** The address of every page behind the login, as the folders of the routes say: no page can be forgotten. */
export function addresses(): { fixed: string[]; objects: string[]; more: string[] } {
	const files = readdirSync(ROUTES, { recursive: true, encoding: 'utf8' });
	const routes = files.filter((file) => path.basename(file) === '+page.svelte').map((file) => `/${path.dirname(file)}`.replace(/\/\.$/, '/'));
	const [objects, fixed] = [routes.filter((route) => route.includes('[')), routes.filter((route) => !route.includes('['))];
	return { fixed: fixed.toSorted(), objects: objects.toSorted().map((route) => IDS[route] ?? route.replaceAll(/\[\w+\]/g, '1')), more: MORE };
}
