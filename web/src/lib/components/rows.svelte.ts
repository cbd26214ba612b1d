/** Where a table's rows come from: an array that is here, or a server that has too many to send. */
export interface Rows<T> {
	readonly total: number;
	/** The row at this place in the present order; none while it is not here yet. */
	at(place: number): T | undefined;
	/** These places are about to be seen. */
	want(from: number, to: number): void;
}

export type Value = string | number | null | undefined;

interface Sorting {
	column: string;
	descending: boolean;
}

/** "-used" is by `used`, the largest first. */
export function parseSorting(text: string): Sorting | null {
	if (!text) return null;
	return text.startsWith('-') ? { column: text.slice(1), descending: true } : { column: text, descending: false };
}

export function formatSorting(sorting: Sorting | null): string {
	return sorting ? `${sorting.descending ? '-' : ''}${sorting.column}` : '';
}

/** Numbers by size, words as people sort them (tape 2 before tape 10), nothing last. */
function compare(a: Value, b: Value): number {
	const none = Number(isNone(a)) - Number(isNone(b));
	if (none !== 0 || isNone(a)) return none;
	if (typeof a === 'number' && typeof b === 'number') return a - b;
	return collator.compare(String(a), String(b));
}

/** A sorted copy; what has no value stays last either way. */
export function sorted<T>(rows: readonly T[], value: (row: T) => Value, descending: boolean): T[] {
	return rows.toSorted((a, b) => {
		const [x, y] = [value(a), value(b)];
		const order = compare(x, y);
		return descending && !isNone(x) && !isNone(y) ? -order : order;
	});
}

function isNone(value: Value): value is null | undefined | '' {
	return value === null || value === undefined || value === '';
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

/** Rows that are all here. */
export function localRows<T>(list: readonly T[]): Rows<T> {
	return { total: list.length, at: (place) => list[place], want: () => {} };
}

const PAGE = 100;
/** As many pages are kept, those about what is in view: a list of any length takes no more memory than that. */
const MOST_PAGES = 20;

/** Rows that are asked for page by page, as they come into view. */
export class RemoteRows<T> implements Rows<T> {
	total = $state(0);
	error = $state.raw<unknown>();
	loading = $state(true);
	#pages = $state.raw(new Map<number, T[]>());
	#asked = new Set<number>();
	#round = 0;
	#awaited = 0;
	/** The page in the middle of what is in view. */
	#middle = 0;
	/** Something has changed since the questions that are being answered were asked. */
	#stale = false;

	constructor(private readonly ask: (offset: number, limit: number) => Promise<{ rows: T[]; total: number }>) {}

	at(place: number): T | undefined {
		return this.#pages.get(Math.floor(place / PAGE))?.[place % PAGE];
	}

	want(from: number, to: number): void {
		this.#middle = Math.floor((from + to) / 2 / PAGE);
		for (let page = Math.floor(from / PAGE); page <= Math.floor(Math.max(from, to - 1) / PAGE); page += 1) {
			if (!this.#asked.has(page)) void this.#load(page);
		}
	}

	/** Ask for everything in view again; what is shown stays until the answers are there. */
	refresh(): void {
		this.#round += 1;
		this.#stale = false;
		const seen = this.#nearest([...this.#asked], 3);
		this.#asked.clear();
		if (seen.length === 0) seen.push(0);
		for (const page of seen) void this.#load(page, true);
	}

	/** Ask again because of news: when the answers that are awaited are there, or slow ones would be asked for again and again. */
	hear = (): void => {
		if (this.#awaited > 0) this.#stale = true;
		else this.refresh();
	};

	/** So many of these pages, those about what is in view first. */
	#nearest(pages: number[], most: number): number[] {
		return pages.toSorted((a, b) => Math.abs(a - this.#middle) - Math.abs(b - this.#middle)).slice(0, most);
	}

	/** Lets go of what is far from the view; it is asked for again when it is wanted. */
	#kept(pages: Map<number, T[]>): Map<number, T[]> {
		if (pages.size <= MOST_PAGES) return pages;
		const near = new Set(this.#nearest([...pages.keys()], MOST_PAGES));
		for (const page of pages.keys()) if (!near.has(page)) this.#asked.delete(page);
		return new Map([...pages].filter(([page]) => near.has(page)));
	}

	async #load(page: number, fresh = false): Promise<void> {
		await this.#loadPage(page, fresh);
		if (this.#stale && this.#awaited === 0) this.refresh();
	}

	async #loadPage(page: number, fresh: boolean): Promise<void> {
		this.#asked.add(page);
		this.#awaited += 1;
		const round = this.#round;
		try {
			const { rows, total } = await this.ask(page * PAGE, PAGE);
			if (round !== this.#round) return;
			const pages = fresh ? new Map([...this.#pages].filter(([known]) => this.#asked.has(known))) : new Map(this.#pages);
			pages.set(page, rows);
			this.#pages = this.#kept(pages);
			this.total = total;
			this.error = undefined;
		} catch (thrown) {
			if (round !== this.#round) return;
			this.#asked.delete(page);
			this.error = thrown;
		} finally {
			this.#awaited -= 1;
		}
		this.loading = false;
	}
}
