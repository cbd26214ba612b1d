/**
 * What is ticked of one state of a source, without listing it: a folder of ten million files is one decision. A path that
 * has no decision of its own follows the nearest one above it; the root is the empty path.
 */
export interface Decision {
	on: boolean;
	kind: string;
}

export type Decisions = ReadonlyMap<string, Decision>;
export type Tick = 'on' | 'off' | 'partly';

/** What the nearest decision above a path says. */
function inherited(decisions: Decisions, path: string): boolean {
	let above = path;
	while (above !== '') {
		above = above.slice(0, Math.max(0, above.lastIndexOf('/')));
		const decision = decisions.get(above);
		if (decision) return decision.on;
	}
	return false;
}

/** Whether `path` is below `folder`. */
function isBelow(path: string, folder: string): boolean {
	return folder === '' ? path !== '' : path.startsWith(`${folder}/`);
}

/** How the box of a path looks. */
export function tickOf(decisions: Decisions, path: string): Tick {
	const own = decisions.get(path)?.on ?? inherited(decisions, path);
	for (const [other, decision] of decisions) {
		if (decision.on !== own && isBelow(other, path)) return 'partly';
	}
	return own ? 'on' : 'off';
}

/** The same with a path, and all that is below it, ticked or not. */
export function tick(decisions: Decisions, path: string, kind: string, on: boolean): Decisions {
	const next = new Map([...decisions].filter(([other]) => other !== path && !isBelow(other, path)));
	if (inherited(next, path) !== on) next.set(path, { on, kind });
	return next;
}

/** In the words of the API. Nothing ticked is nothing here; to the API it would be everything, so it must not be asked. */
export function asPaths(decisions: Decisions): { file_paths: string[]; folder_paths: string[]; exclude_paths: string[] } {
	const file_paths: string[] = [];
	const folder_paths: string[] = [];
	const exclude_paths: string[] = [];
	for (const [path, { on, kind }] of decisions) {
		if (!on) exclude_paths.push(path);
		else if (kind === 'directory') folder_paths.push(path === '' ? '/' : path);
		else file_paths.push(path);
	}
	return { file_paths, folder_paths, exclude_paths };
}
