import { STEPS, type StepId } from './steps';

const KEY = 'tapebackarr.start';

interface Kept {
	/** The pool that was chosen. */
	pool?: number;
	skipped: StepId[];
	/** Begun, and not finished or put away. */
	open: boolean;
	/** Finished or put away: the dashboard does not ask any more. */
	ended: boolean;
}

/** What the guide remembers on this machine. How far one is, the server knows: that is where everything made here is. */
class Memory {
	#kept = $state.raw<Kept>(read());

	get pool(): number | undefined {
		return this.#kept.pool;
	}

	get open(): boolean {
		return this.#kept.open;
	}

	get ended(): boolean {
		return this.#kept.ended;
	}

	skips(step: StepId): boolean {
		return this.#kept.skipped.includes(step);
	}

	choosePool(pool: number): void {
		this.#keep({ pool });
	}

	skip(step: StepId): void {
		this.#keep({ skipped: [...this.#kept.skipped, step] });
	}

	begin(): void {
		if (!this.#kept.open) this.#keep({ open: true, ended: false });
	}

	end(): void {
		this.#keep({ open: false, ended: true });
	}

	#keep(change: Partial<Kept>): void {
		this.#kept = { ...this.#kept, ...change };
		try {
			localStorage.setItem(KEY, JSON.stringify(this.#kept));
		} catch {
			// No storage: it is remembered as long as the page.
		}
	}
}

function read(): Kept {
	const none: Kept = { skipped: [], open: false, ended: false };
	try {
		const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null');
		if (typeof kept !== 'object' || kept === null) return none;
		const { pool, skipped, open, ended } = kept as Partial<Kept>;
		const known = Array.isArray(skipped) ? skipped.filter((step) => STEPS.some(([id]) => id === step)) : [];
		return { ...(typeof pool === 'number' ? { pool } : {}), skipped: known, open: open === true, ended: ended === true };
	} catch {
		return none;
	}
}

export const memory = new Memory();
