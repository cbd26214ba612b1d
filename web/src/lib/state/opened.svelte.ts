import { untrack } from 'svelte';

/**
 * Fills a form at the moment its panel opens, and never while somebody types in it, whatever news arrive meanwhile:
 * `onOpen(() => open, () => (name = pool.name))`.
 */
export function onOpen(isOpen: () => boolean, fill: () => void): void {
	$effect(() => {
		if (isOpen()) untrack(fill);
	});
}
