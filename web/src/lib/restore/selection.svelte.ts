import { tick, type Decisions } from './selection';

/** The state of a source as of a set: what is restored together. */
export interface SourceState {
	set_id: number;
	job_name: string;
	/** When that set ended. */
	at: string;
	/** Parts of it are missing: only what it has itself can be browsed and brought back. */
	incomplete: boolean;
}

export interface Chosen extends SourceState {
	decisions: Decisions;
}

/** What is to be restored: kept while one browses, searches, and looks at other pages. */
class Selection {
	#chosen = $state.raw<ReadonlyMap<number, Chosen>>(new Map());

	/** States of which something is ticked, the newest first. */
	get all(): Chosen[] {
		return [...this.#chosen.values()].sort((a, b) => b.at.localeCompare(a.at));
	}

	/** Ticks of a state. */
	of(setId: number): Decisions {
		return this.#chosen.get(setId)?.decisions ?? NONE;
	}

	/** How many files and folders are ticked, those in ticked folders not counted. */
	get count(): number {
		return this.all.flatMap((state) => [...state.decisions.values()]).filter((decision) => decision.on).length;
	}

	tick(state: SourceState, path: string, kind: string, on: boolean): void {
		const decisions = tick(this.of(state.set_id), path, kind, on);
		const next = new Map(this.#chosen);
		if (decisions.size > 0) next.set(state.set_id, { ...state, decisions });
		else next.delete(state.set_id);
		this.#chosen = next;
	}

	/** Only these states, or nothing at all. */
	clear(except: number[] = []): void {
		this.#chosen = new Map([...this.#chosen].filter(([setId]) => except.includes(setId)));
	}
}

const NONE: Decisions = new Map();
export const selection = new Selection();
