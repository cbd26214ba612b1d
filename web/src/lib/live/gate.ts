/**
 * Questions wait here until the stream of news is open. What happens after an answer is news then, and nothing has to be asked
 * a second time because it may have changed meanwhile.
 */

/** A stream that takes longer opens late: nobody waits for it. */
const LONGEST_MS = 1000;

class Gate {
	#passed: Promise<void> | undefined;
	#open: (() => void) | undefined;

	/** From now on questions wait. */
	close(): void {
		if (this.#open) return;
		this.#passed = new Promise((resolve) => {
			const timer = setTimeout(() => void this.open(), LONGEST_MS);
			this.#open = () => {
				clearTimeout(timer);
				resolve();
			};
		});
	}

	/** Lets the questions go. Returns whether they have waited until now: none went out before. */
	open(): boolean {
		const waited = this.#open !== undefined;
		this.#open?.();
		this.#open = undefined;
		this.#passed = undefined;
		return waited;
	}

	/** When a question may go; nothing: now. */
	get passed(): Promise<void> | undefined {
		return this.#passed;
	}
}

export const gate = new Gate();
