import { api, fetched } from '$lib/api/client';
import type { TapeDetail } from '$lib/api/types';
import { live } from '$lib/live/live.svelte';
import { query } from '$lib/state/query.svelte';
import { placeWords } from './place';

/**
 * Where a tape is, in the words that people use: asks for the slots of its library, to count them as they do.
 * For use while a component is set up.
 */
export function placeOf(tape: () => TapeDetail | undefined): { readonly words: string } {
	const library = $derived.by(() => (tape()?.place === 'slot' ? (tape()?.library_id ?? null) : null));
	const slots = query(
		async () => (library === null ? [] : fetched(api.GET('/api/v1/libraries/{id}/slots', { params: { path: { id: library } } }))),
		{ on: ['library'] }
	);
	return {
		get words() {
			const known = tape();
			return known ? placeWords(known, live.drives, slots.data ?? []) : '';
		}
	};
}
