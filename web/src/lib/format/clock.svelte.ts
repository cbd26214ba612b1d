/** The time of day for everything that says how long ago: one timer for all of them, a tick every 10 seconds. */
class Clock {
	now = $state(new Date());

	constructor() {
		setInterval(() => (this.now = new Date()), 10_000);
	}
}

export const clock = new Clock();
