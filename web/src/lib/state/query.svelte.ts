import { asApiError, type ApiError } from '$lib/api/errors';
import { live, type Topic } from '$lib/live/live.svelte';

interface Options {
	/** Ask again when news of these kinds arrives. */
	on?: Topic[];
	/** Ask again after so many seconds. */
	every?: number;
}

/** What the server said last, and how asking went: for a page, a card, a panel. */
export class Query<T> {
	data = $state.raw<T | undefined>();
	error = $state.raw<ApiError | undefined>();
	loading = $state(true);
	#ask: () => Promise<T>;
	#round = 0;
	/** Something has changed since the question that is being answered was asked. */
	#stale = false;

	constructor(ask: () => Promise<T>) {
		this.#ask = ask;
	}

	/** Ask again. What is shown stays until the answer is there; an answer to an older question is dropped. */
	refresh = async (): Promise<void> => {
		const round = ++this.#round;
		this.loading = true;
		this.#stale = false;
		try {
			const data = await this.#ask();
			if (round !== this.#round) return;
			this.data = data;
			this.error = undefined;
		} catch (thrown) {
			if (round !== this.#round) return;
			this.error = asApiError(thrown);
		}
		this.loading = false;
		if (this.#stale) await this.refresh();
	};

	/** Ask again because of news: when the answer that is awaited is there, or a slow one would be asked for again and again. */
	hear = (): void => {
		if (this.loading) this.#stale = true;
		else void this.refresh();
	};

	/** Ask now. Called by `query` whenever what is asked for changes. */
	start(): Promise<void> {
		return this.refresh();
	}
}

/**
 * Asks the server, again whenever something that `ask` reads before its first `await` changes, and again on news.
 * For use while a component is set up: `const tapes = query(() => fetched(api.GET('/api/v1/tapes')), { on: ['tape'] })`.
 */
export function query<T>(ask: () => Promise<T>, options: Options = {}): Query<T> {
	const result = new Query(ask);
	$effect(() => {
		void result.start();
	});
	$effect(() => {
		const stops = (options.on ?? []).map((topic) => live.on(topic, result.hear));
		const timer = options.every ? setInterval(() => void result.refresh(), options.every * 1000) : undefined;
		return () => {
			stops.forEach((stop) => stop());
			clearInterval(timer);
		};
	});
	return result;
}
