import { asApiError, type ApiError } from '$lib/api/errors';

/** What the server says to what is being typed. */
export class Asked<T> {
	data = $state.raw<T | undefined>();
	error = $state.raw<ApiError | undefined>();
	/** Whether there is a question whose answer is not here yet. */
	loading = $state(false);
}

/**
 * Asks the server about something that is being typed, a moment after the last key. An older question is cancelled, so that
 * the server stops working on it; the last good answer stays until there is another. No question: no answer.
 * For use while a component is set up.
 */
export function asked<Q, T>(question: () => Q | null, ask: (question: Q, signal: AbortSignal) => Promise<T>, waitMs = 300): Asked<T> {
	const result = new Asked<T>();
	// As text, so that asking again needs another question and not only another object.
	const text = $derived(JSON.stringify(question()));
	$effect(() => {
		const wanted = JSON.parse(text) as Q | null;
		result.error = undefined;
		result.loading = wanted !== null;
		if (wanted === null) {
			result.data = undefined;
			return;
		}
		const abort = new AbortController();
		const timer = setTimeout(async () => {
			try {
				const data = await ask(wanted, abort.signal);
				if (abort.signal.aborted) return;
				result.data = data;
			} catch (thrown) {
				if (abort.signal.aborted) return;
				result.data = undefined;
				result.error = asApiError(thrown);
			}
			result.loading = false;
		}, waitMs);
		return () => {
			clearTimeout(timer);
			abort.abort();
		};
	});
	return result;
}
