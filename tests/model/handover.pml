/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hand-over of one guest, as spin checks it: two controllers, two QEMUs, two journals, two ownership records, a
 * network that may lose any connection, and up to MAX_FAULTS faults anywhere.
 *
 *   Source         GwSession: source-precopy.c, source-commit.c; dies at any step
 *   Agent          the agent's run of the session: agent-prepare.c, agent-commit.c; dies or loses its connection at any step
 *   RecoverSource  recover-source.c, as often as anybody likes
 *   Daemon         godwitd: it comes up again and settles what its host has left (recover-destination.c)
 *   User           pauses and resumes the guest; starts it afresh at the source (godwit run)
 *   Stranger       knows the session's id, but not its token
 *   Chaos          cuts, kills, and takes the power away
 *
 * Safety, after each act (check()): at most one copy is alive, and the source's copy never lives again after the
 * destination's has run, unless that one died by itself.
 * At the end, when nothing moves any more: no copy was lost unless a QEMU died; and the guest runs or stands still as
 * its user left it.
 *
 * Each of these breaks one rule, on purpose; spin must find what comes of it (check.py tries each):
 *   -DBREAK_AGE       a record of a committed session is forgotten by its age
 *   -DBREAK_BINDING   'done' is taken from a peer that does not prove to know the session's token
 *   -DBREAK_REFUSAL   the agent refuses after 'cont'
 *   -DBREAK_PROOF     a monitor that closes is taken for the death of its QEMU
 *   -DBREAK_RECORD    'godwit run' does not ask the record
 *   -DBREAK_COMMIT_LINE whether a COMMIT went out is read off QEMU, which somebody may have reset
 *   -DBREAK_RUN_STATE COMMIT does not tell whether the guest ran
 *
 * test-model.c compares the words and the tables below with those of the code: keep their form.
 */
#ifndef MAX_FAULTS
#define MAX_FAULTS 3
#endif

/* The control protocol's messages that decide where the guest is (control.c). */
mtype:message = { MESSAGE_setup, MESSAGE_commit, MESSAGE_done, MESSAGE_outcome };
/* The state of the agent's conversation (control.c). */
mtype:state = { STATE_prepared, STATE_loading, STATE_committed, STATE_done, STATE_refused, STATE_ended };
/* What an agent answers (peer.c). */
mtype:outcome = { OUTCOME_running, OUTCOME_gone, OUTCOME_dead, OUTCOME_unknown };
/* The last line of a journal (journal.c); JOURNAL_none: there is no journal. */
mtype:journal = { JOURNAL_none, JOURNAL_begin, JOURNAL_setup, JOURNAL_precopy, JOURNAL_commit, JOURNAL_committed, JOURNAL_running };
/* Where a host's record says that the VM belongs, and what moves it (ownership.c). */
mtype:place = { PLACE_not_known, PLACE_here, PLACE_receiving, PLACE_handing_over, PLACE_there, PLACE_nowhere };
mtype:event = { EVENT_run, EVENT_receive, EVENT_take, EVENT_send, EVENT_give, EVENT_undo, EVENT_lose };

/* A QEMU. LOADED: it has all, and no guest runs in it. STANDS: its guest belongs here, and stands still as its user left
 * it. STOPPED: the migration has stopped its guest. */
mtype:qemu = { NONE, LOADING, LOADED, RUNS, STANDS, STOPPED, DEAD };

mtype:qemu source_qemu = RUNS, destination_qemu = NONE, new_qemu = NONE; /* new: of 'godwit run' at the source */
mtype:journal source_journal = JOURNAL_none, destination_journal = JOURNAL_none;
mtype:place source_place = PLACE_here, source_before = PLACE_here;
mtype:place destination_place = PLACE_not_known, destination_before = PLACE_not_known;
mtype:state conversation = STATE_prepared;
bool taken = false;	/* the session is among those that were committed at the destination */
bool confirmed = false; /* and its source knows it */
bool forgotten = false;
bool completed = false; /* the source's QEMU says that its migration is completed */
bool ran = true;	/* the guest ran when the migration stopped it */
bool user_runs = true;	/* the user's last word */
bool was_run = false;	/* the destination's guest has run */
bool is_blameless = false; /* it has died by itself after that */

bool session_conn = true;  /* the session's connection */
bool net = true;	   /* new connections can be made */
bool source_lives = true, agent_lives = true;
bool source_lock = true;   /* the VM's lock at the source */
bool agent_busy = false;   /* likewise at the destination */
bool source_rebooted = false, destination_rebooted = false;
bool monitor_open = true;  /* of the destination's QEMU; a proxy may close it alone */
bool qemu_died = false;	   /* one of them died without us */
byte faults = 0, ended = 0;

chan commit = [1] of { bool };
chan answer = [1] of { mtype:outcome };

#define ALIVE(q)	   (q == RUNS || q == STANDS)
#define SOURCE_IS_ALIVE	   (source_qemu != DEAD)
#define MAY_FAIL	   (faults < MAX_FAULTS)

inline check()
{
	assert(!(ALIVE(source_qemu) && ALIVE(destination_qemu)));
	assert(!(ALIVE(new_qemu) && (ALIVE(destination_qemu) || ALIVE(source_qemu))));
	assert(!((ALIVE(source_qemu) || ALIVE(new_qemu)) && was_run && !is_blameless))
}

/* The table of ownership.c: each row that is allowed. UNDO leads to the place before. */
inline own(place, before, event)
{
	if
	:: event == EVENT_run && place == PLACE_not_known -> place = PLACE_here
	:: event == EVENT_run && place == PLACE_here -> place = PLACE_here
	:: event == EVENT_run && place == PLACE_there -> place = PLACE_here
	:: event == EVENT_run && place == PLACE_nowhere -> place = PLACE_here
	:: event == EVENT_receive && place == PLACE_not_known -> before = place; place = PLACE_receiving
	:: event == EVENT_receive && place == PLACE_here -> before = place; place = PLACE_receiving
	:: event == EVENT_receive && place == PLACE_there -> before = place; place = PLACE_receiving
	:: event == EVENT_receive && place == PLACE_nowhere -> before = place; place = PLACE_receiving
	:: event == EVENT_take && place == PLACE_receiving -> place = PLACE_here
	:: event == EVENT_send && place == PLACE_not_known -> before = place; place = PLACE_handing_over
	:: event == EVENT_send && place == PLACE_here -> before = place; place = PLACE_handing_over
	:: event == EVENT_send && place == PLACE_there -> before = place; place = PLACE_handing_over
	:: event == EVENT_send && place == PLACE_nowhere -> before = place; place = PLACE_handing_over
	:: event == EVENT_give && place == PLACE_handing_over -> place = PLACE_there
	:: event == EVENT_undo && place == PLACE_receiving -> place = before
	:: event == EVENT_undo && place == PLACE_handing_over -> place = before
	:: event == EVENT_lose && place == PLACE_receiving -> place = PLACE_nowhere
	:: event == EVENT_lose && place == PLACE_handing_over -> place = PLACE_nowhere
	:: else -> assert(false)
	fi
}

/* The states in which control.c lets these messages come. */
inline hear(message)
{
	if
	:: message == MESSAGE_setup && conversation == STATE_prepared
	:: message == MESSAGE_commit && conversation == STATE_loading
	:: message == MESSAGE_done && conversation == STATE_committed
	:: else -> assert(false)
	fi
}

/* What this host takes for the death of the destination's QEMU. */
#ifdef BREAK_PROOF
#define IS_DEAD (destination_qemu == DEAD || !monitor_open)
#else
#define IS_DEAD (destination_qemu == DEAD)
#endif

inline run_destination(vcpus)
{
	if
	:: vcpus -> destination_qemu = RUNS; was_run = true
	:: else -> destination_qemu = STANDS; was_run = true
	fi;
	check()
}

/* The source's guest as it was before the migration stopped it. */
inline resume_source()
{
	if
	:: source_qemu == STOPPED && ran -> source_qemu = RUNS
	:: source_qemu == STOPPED && !ran -> source_qemu = STANDS
	:: else -> skip
	fi;
	completed = false;
	check()
}

/* By the record, only once. */
inline source_owns(event)
{
	if
	:: event == EVENT_undo && source_place != PLACE_handing_over -> skip
	:: event == EVENT_give && source_place != PLACE_handing_over -> skip
	:: event == EVENT_lose && source_place != PLACE_handing_over -> skip
	:: else -> own(source_place, source_before, event)
	fi
}

inline destination_owns(event)
{
	if
	:: destination_place != PLACE_receiving && event != EVENT_receive -> skip
	:: else -> own(destination_place, destination_before, event)
	fi;
	if
	:: event == EVENT_take -> taken = true
	:: else -> skip
	fi
}

inline end_destination_qemu()
{
	if
	:: destination_qemu == NONE -> skip
	:: else -> destination_qemu = DEAD
	fi
}

/* What the destination's host answers about the session, once nobody holds its lock. */
inline settle_destination(result)
{
	if
	:: destination_journal == JOURNAL_none && taken -> result = OUTCOME_running
	:: destination_journal == JOURNAL_none && !taken && destination_place == PLACE_receiving -> result = OUTCOME_unknown
	:: destination_journal == JOURNAL_none && !taken && destination_place != PLACE_receiving -> result = OUTCOME_gone
	:: destination_journal == JOURNAL_running -> destination_owns(EVENT_take); result = OUTCOME_running
	:: destination_journal == JOURNAL_begin -> end_destination_qemu(); destination_owns(EVENT_undo);
		destination_journal = JOURNAL_none; result = OUTCOME_gone
	:: destination_journal == JOURNAL_setup && !destination_rebooted -> end_destination_qemu(); destination_owns(EVENT_undo);
		destination_journal = JOURNAL_none; result = OUTCOME_gone
	:: destination_journal == JOURNAL_committed && !destination_rebooted && !IS_DEAD ->
		if
		:: ALIVE(destination_qemu) -> skip
		:: else -> run_destination(committed_run)
		fi;
		destination_owns(EVENT_take); destination_journal = JOURNAL_running; result = OUTCOME_running
	:: destination_journal == JOURNAL_committed && !destination_rebooted && IS_DEAD -> destination_owns(EVENT_undo);
		destination_journal = JOURNAL_none; result = OUTCOME_gone
	:: (destination_journal == JOURNAL_setup || destination_journal == JOURNAL_committed) && destination_rebooted ->
		if
		:: taken -> result = OUTCOME_running
		:: else -> result = OUTCOME_dead
		fi
	fi
}

bool committed_run = true; /* in the destination's journal */

active proctype Agent()
{
	bool vcpus = true;
	agent_busy = true;
	destination_journal = JOURNAL_begin;
	atomic {
		if
		:: agent_lives -> destination_qemu = LOADING
		:: !agent_lives -> goto over
		fi
	};
	/* setup: a commit may come from here on, and the record says so first */
	atomic {
		if
		:: agent_lives && session_conn -> hear(MESSAGE_setup); destination_owns(EVENT_receive)
		:: !agent_lives || !session_conn -> goto over
		fi
	};
	atomic {
		if
		:: agent_lives -> destination_journal = JOURNAL_setup; conversation = STATE_loading
		:: !agent_lives -> goto over
		fi
	};
	atomic {
		if
		:: agent_lives && session_conn && completed && destination_qemu == LOADING -> destination_qemu = LOADED
		:: !agent_lives || !session_conn || destination_qemu == DEAD -> goto over
		fi
	};
	atomic {
		if
		:: agent_lives && session_conn && nempty(commit) -> hear(MESSAGE_commit); commit?vcpus
		:: !agent_lives || !session_conn -> goto over
		:: agent_lives && empty(commit) && destination_qemu == DEAD -> goto over
		fi
	};
#ifdef BREAK_RUN_STATE
	vcpus = true;
#endif
	atomic {
		if
		:: agent_lives && IS_DEAD -> goto refuse
		:: agent_lives && !IS_DEAD -> destination_journal = JOURNAL_committed; committed_run = vcpus
		:: !agent_lives -> goto over
		fi
	};
	atomic {
		if
		:: agent_lives && IS_DEAD -> goto refuse
		:: agent_lives && destination_qemu != DEAD -> run_destination(vcpus)
		:: !agent_lives -> goto over
		fi
	};
	/* after 'cont' only a QEMU that is proven dead refuses */
	atomic {
		if
		:: agent_lives && IS_DEAD -> goto refuse
#ifdef BREAK_REFUSAL
		:: agent_lives && ALIVE(destination_qemu) -> destination_qemu = DEAD; goto refuse
#endif
		:: agent_lives && ALIVE(destination_qemu) -> destination_owns(EVENT_take)
		:: !agent_lives -> goto over
		fi
	};
	atomic {
		if
		:: agent_lives -> destination_journal = JOURNAL_running; conversation = STATE_committed
		:: !agent_lives -> goto over
		fi
	};
	atomic {
		if
		:: agent_lives && session_conn -> answer!OUTCOME_running
		:: else -> skip
		fi
	};
	goto over;
refuse:
	atomic {
		if
		:: agent_lives -> destination_owns(EVENT_undo)
		:: !agent_lives -> goto over
		fi
	};
	atomic {
		if
		:: agent_lives -> destination_journal = JOURNAL_none; conversation = STATE_refused
		:: !agent_lives -> goto over
		fi
	};
	atomic {
		if
		:: agent_lives && session_conn -> answer!OUTCOME_gone
		:: else -> skip
		fi
	};
over:
	/* agent_clean_up(), in its own order */
	if
	:: agent_lives && (destination_journal == JOURNAL_begin || destination_journal == JOURNAL_setup) ->
		end_destination_qemu();
		if :: agent_lives -> atomic { destination_owns(EVENT_undo) } :: !agent_lives -> skip fi;
		if :: agent_lives -> destination_journal = JOURNAL_none :: !agent_lives -> skip fi
	:: else -> skip
	fi;
	atomic { agent_busy = false; session_conn = false; ended++ }
}

/* A new connection: it cuts the old one and waits until the agent's run has ended. */
inline ask(result)
{
	if
	:: net && agent_lives ->
		session_conn = false;
		(!agent_busy || !agent_lives || !net);
		if
		:: net && agent_lives && !agent_busy ->
			atomic { settle_destination(result) };
			if
			:: true -> skip
			:: MAY_FAIL -> faults++; result = OUTCOME_unknown /* the answer is lost */
			fi
		:: else -> result = OUTCOME_unknown
		fi
	:: !net || !agent_lives -> result = OUTCOME_unknown
	fi
}

/* The source knows that the guest is there, and has written it down: the agent need not keep its journal. Its record
 * of the session stays, and knows now that nobody will ask again. */
inline tell_done(told)
{
	if
	:: net && agent_lives && !agent_busy && destination_journal != JOURNAL_begin && destination_journal != JOURNAL_setup ->
		atomic {
			if
			:: destination_journal == JOURNAL_running -> destination_journal = JOURNAL_none
			:: else -> skip
			fi;
			confirmed = true; told = true
		}
	:: else -> told = false
	fi
}

active proctype Source()
{
	mtype:outcome result;
	bool told = false;
	source_journal = JOURNAL_begin;
	(destination_journal == JOURNAL_setup || !session_conn || !source_lives || !agent_busy);
	atomic {
		if
		:: !source_lives -> goto out
		:: source_lives && (!session_conn || destination_journal != JOURNAL_setup) -> source_journal = JOURNAL_none; goto out
		:: source_lives && session_conn && destination_journal == JOURNAL_setup -> source_owns(EVENT_send)
		fi
	};
	atomic {
		if
		:: !source_lives -> goto out
		:: source_lives -> source_journal = JOURNAL_precopy
		fi
	};
	/* pre-switchover: QEMU stops the guest. What it did until then is what COMMIT tells. */
	atomic {
		if
		:: source_lives && ALIVE(source_qemu) -> ran = (source_qemu == RUNS); source_qemu = STOPPED
		:: !source_lives -> goto out
		:: source_lives && source_qemu == DEAD -> goto back
		fi
	};
	atomic {
		if
		:: !source_lives -> goto out
		:: source_lives && (!session_conn || source_qemu == DEAD) -> goto back
		:: source_lives && source_qemu != DEAD -> completed = true /* migrate-continue */
		fi
	};
	atomic {
		if
		:: !source_lives -> goto out
		:: source_lives && !session_conn -> goto back
		:: source_lives && session_conn -> source_journal = JOURNAL_commit
		fi
	};
	atomic {
		if
		:: !source_lives -> goto out
		:: source_lives && !session_conn -> skip
		:: source_lives && session_conn -> commit!ran
		fi
	};
	/* from here on nobody resumes it without an answer */
	if
	:: !source_lives -> goto out
	:: source_lives && nempty(answer) -> answer?result
	:: source_lives && !session_conn -> ask(result)
	fi;
	atomic {
		if
		:: !source_lives -> goto out
		:: source_lives && result == OUTCOME_running -> goto theirs
		:: source_lives && result == OUTCOME_gone -> goto back
		:: source_lives && (result == OUTCOME_unknown || result == OUTCOME_dead) -> goto out
		fi
	};
theirs:
	atomic { source_owns(EVENT_give) };
	atomic {
		if
		:: source_lives -> source_journal = JOURNAL_running
		:: !source_lives -> goto out
		fi
	};
	tell_done(told);
	atomic {
		if
		:: source_lives -> source_qemu = DEAD
		:: !source_lives -> goto out
		fi
	};
	atomic {
		if
		:: source_lives && told -> source_journal = JOURNAL_none
		:: else -> skip
		fi
	};
	goto out;
back:
	/* the abort comes before the guest runs again */
	session_conn = false;
	atomic {
		if
		:: source_lives -> resume_source()
		:: !source_lives -> goto out
		fi
	};
	atomic {
		if
		:: source_lives -> source_owns(EVENT_undo)
		:: !source_lives -> goto out
		fi
	};
	atomic {
		if
		:: source_lives -> source_journal = JOURNAL_none
		:: !source_lives -> skip
		fi
	};
out:
	atomic { source_lock = false; session_conn = false; ended++ }
}

inline bring_back()
{
	atomic { resume_source(); source_owns(EVENT_undo); source_journal = JOURNAL_none }
}

active proctype RecoverSource()
{
	mtype:outcome result;
	bool told;
	do
	:: atomic { !source_lock && source_journal != JOURNAL_none -> source_lock = true };
		if
		:: source_journal == JOURNAL_running ->
			source_qemu = DEAD;
			tell_done(told);
			if :: told -> source_journal = JOURNAL_none :: else -> skip fi
		:: source_journal == JOURNAL_begin -> bring_back()
		:: source_journal == JOURNAL_precopy && source_qemu != DEAD && !completed -> bring_back()
#ifdef BREAK_COMMIT_LINE
		:: source_journal == JOURNAL_commit && source_qemu != DEAD && !completed -> bring_back()
#endif
		:: source_journal == JOURNAL_commit ||
		   (source_journal == JOURNAL_precopy && (source_qemu == DEAD || completed)) ->
			ask(result);
			if
			:: result == OUTCOME_running -> atomic { source_owns(EVENT_give); source_journal = JOURNAL_running }
			:: result == OUTCOME_gone -> bring_back()
			:: result == OUTCOME_dead && source_qemu == DEAD ->
				atomic { source_owns(EVENT_lose); source_journal = JOURNAL_none }
			:: result == OUTCOME_dead && source_qemu != DEAD -> break /* only a person can decide */
			:: result == OUTCOME_unknown -> skip
			fi
		fi;
		source_lock = false
	:: atomic { !source_lock && source_journal == JOURNAL_none && !agent_busy -> break }
	od;
	ended++
}

active proctype Daemon()
{
	mtype:outcome result;
	do
	:: atomic { !agent_lives && !agent_busy -> agent_lives = true }
	:: atomic { agent_lives && !agent_busy && destination_journal != JOURNAL_none && destination_journal != JOURNAL_running &&
		    !(destination_rebooted && destination_journal != JOURNAL_begin) -> settle_destination(result) }
	:: atomic { agent_lives && confirmed && taken && !forgotten -> taken = false; forgotten = true }
#ifdef BREAK_AGE
	:: atomic { agent_lives && !agent_busy && taken && destination_journal == JOURNAL_running ->
		    taken = false; destination_journal = JOURNAL_none }
#endif
	:: atomic { ended >= 3 && !agent_busy &&
		    (destination_journal == JOURNAL_none || destination_journal == JOURNAL_running || destination_rebooted) -> break }
	od;
	ended++
}

/* 'done' without the session's proof. */
active proctype Stranger()
{
#ifdef BREAK_BINDING
	if
	:: atomic { agent_lives && !agent_busy && destination_journal == JOURNAL_running ->
		    destination_journal = JOURNAL_none; confirmed = true }
	:: true
	fi;
#endif
	ended++
}

#ifdef BREAK_RECORD
#define MAY_RUN true
#else
#define MAY_RUN (source_place == PLACE_here || source_place == PLACE_nowhere || source_place == PLACE_not_known)
#endif

active proctype User()
{
	do
	:: atomic { source_qemu == RUNS -> source_qemu = STANDS; user_runs = false }
	:: atomic { source_qemu == STOPPED && completed -> completed = false } /* system_reset, when the move seems to hang */
	:: atomic { source_qemu == STANDS && source_journal == JOURNAL_precopy && source_lives -> source_qemu = RUNS; user_runs = true }
	:: atomic { source_qemu == DEAD && new_qemu == NONE && !source_lock && MAY_RUN ->
		    own(source_place, source_before, EVENT_run); new_qemu = RUNS; check() }
	:: break
	od;
	ended++
}

active proctype Chaos()
{
	do
	:: atomic { MAY_FAIL && session_conn -> faults++; session_conn = false }
	:: atomic { MAY_FAIL && net -> faults++; net = false; session_conn = false }
	:: atomic { !net -> net = true }
	:: atomic { MAY_FAIL && source_lives && source_lock -> faults++; source_lives = false; session_conn = false }
	:: atomic { MAY_FAIL && agent_lives -> faults++; agent_lives = false; session_conn = false }
	:: atomic { MAY_FAIL && monitor_open && destination_qemu != NONE -> faults++; monitor_open = false }
#ifdef QEMU_DIES
	:: atomic { MAY_FAIL && source_qemu != DEAD -> faults++; qemu_died = true; source_qemu = DEAD }
	:: atomic { MAY_FAIL && destination_qemu != NONE && destination_qemu != DEAD ->
		    faults++; qemu_died = true; is_blameless = true; destination_qemu = DEAD }
#endif
#ifdef POWER_FAILS
	/* A host goes down: its QEMU with it, and the journal's lines that were not synced. */
	:: atomic { MAY_FAIL && !destination_rebooted && destination_journal != JOURNAL_none ->
		    faults++; qemu_died = true; is_blameless = true; destination_rebooted = true; agent_lives = false;
		    session_conn = false; end_destination_qemu();
		    if
		    :: destination_journal == JOURNAL_committed || destination_journal == JOURNAL_running ->
			destination_journal = JOURNAL_setup
		    :: true -> skip
		    fi }
	:: atomic { MAY_FAIL && !source_rebooted && source_journal != JOURNAL_none ->
		    faults++; qemu_died = true; source_rebooted = true; source_lives = false; session_conn = false;
		    source_qemu = DEAD;
		    if
		    :: source_journal == JOURNAL_commit -> source_journal = JOURNAL_precopy
		    :: true -> skip
		    fi }
#endif
	:: atomic { source_journal == JOURNAL_none && !source_lock && !agent_busy && net -> break }
	:: atomic { destination_rebooted && net -> break }
	od;
	(ended == 6);
	check();
	/* nobody is lost: a guest whose QEMUs live is somewhere, as its user left it */
	assert(qemu_died || ALIVE(source_qemu) || ALIVE(destination_qemu));
	assert(qemu_died || !ALIVE(source_qemu) || (source_qemu == RUNS) == user_runs);
	assert(qemu_died || !ALIVE(destination_qemu) || (destination_qemu == RUNS) == user_runs)
}
