/* The claim protocol, for spin (https://spinroot.com) to play in every order: `make model`.
 *
 * Whoever reads the Python finds its names here: deliver_step, claim_step, settle, record, take_evidence, the gate, FRESH,
 * lease, overdue, token, run, generation. A transaction under the lead's lock is one atomic step. Between two steps everybody
 * else may act, time may pass, and a process may stay suspended for as long as it likes, or die. Several leads with one
 * address have a model of their own, recipient.pml.
 * What is modelled, what is not, and how to read a trace: docs/why.md, "The claim as a model".
 *
 * `broken` states what must never be; its sentence, and all that printf says behind a bar, is the trace. <n> is a word of mtype.
 * Two things of Promela to know before changing this: an option that begins with an `if` of its own shares its `else` with
 * the options beside it (so begin it with `true ->`), and a `goto` out of an atomic step ends the step.
 */
#define INSTANCES 2      /* follow-ups of one thread, each of one step; the second is there only where `instances` is 2 */
#define ATTEMPTS 3       /* how often Temporal runs deliver_step at most, over all follow-ups and runs */
#define WORDS 2          /* how often an operator says something at most */

/* What a search plays, and which guard it leaves out: proof/model/scenes.py says it by MODEL_* in the environment of pan. */
byte variant, instances = 1, max_attempts, words_left, resets_left, reruns_left, stragglers_left, stops_left;
byte evidence_left, outages_left, crashes_left;
bool calm;               /* nothing fails and nobody dies; a process may still be suspended for good */
bool only_not_sent;      /* of all that an operator may say */
bool fingers;            /* an operator speaks at any time, and not only where something waits for a word */

/* The guards, one by one. */
#define GATE_WITHOUT_TOKEN (variant == 1)
#define RELEASED_ON_SILENCE (variant == 2)
#define STOP_READ_BEFORE (variant == 3)
#define ATTEMPT_TWO_SENDS (variant == 4)
#define NOT_SENT_AT_ONCE (variant == 5)
#define RECORD_WITHOUT_TOKEN (variant == 6)
#define GATE_WITHOUT_LEASE (variant == 7)
#define FRESH_CLAIMS_ARE_SETTLED (variant == 8)
#define WORDS_OF_ANY_TRY (variant == 9)
#define THREAD_UNGUARDED (variant == 10)
#define EVIDENCE_UNREAD (variant == 11)
#define WINDOW (variant == 12 || variant == 16)               /* no guard left out: the window that docs/why.md tells of, opened */
#define ATTEMPT_TWO_CLAIMS (variant == 13)   /* from here on: what another guard makes up for */
#define ANY_RUN_GIVES_UP (variant == 14)
#define THREAD_BY_INDEX_ALONE (variant == 15)
#define LATE_DEFERRAL_PROVES (variant == 17)
#define LEASE_BY_DATABASE_ALONE (variant == 18)
#define LEASE_BY_OWN_CLOCK_ALONE (variant == 19)
#define COMMITS_UNPINNED (variant == 20)
#define WINDOW_UNUSED (variant == 16)        /* the window is open, but nobody says not_sent while a process stands in it */

mtype = { NOTHING,
    ABSENT, PENDING, SENDING, SENT, REFUSED, UNKNOWN, SKIPPED, STOPPED, /* DraftState; ABSENT: no row yet */
    ACTIVE, HELD, PAUSED, COMPLETED,                                    /* InstanceStatus, and STOPPED */
    DONE, READY, NO, UNRECORDED, LOST,     /* results: and HELD, PAUSED, STOPPED; NO: DecisionRefused; LOST: nobody listens */
    RESUME, SAY_SENT, NOT_SENT, SKIP, STOP, APP_STOP, LOOK, CONTRADICTED }   /* what is said; NOT_SENT is an outcome as well */

/* The age of a claim. FRESH: no settlement touches it. LEASE_OVER: its gate says no. OVERDUE: its last answer is due. */
#define FRESH 0
#define AGED 1
#define LEASE_OVER 2
#define OVERDUE 3

/* --- what PostgreSQL holds ------------------------------------------------------------------------------------- */
mtype state[INSTANCES] = ABSENT;            /* of the one draft of the instance's one step */
byte generation[INSTANCES] = 1;
byte claim_token[INSTANCES];                /* 0: none */
byte claim_run[INSTANCES];
mtype status[INSTANCES] = ACTIVE;           /* of the instance; `held` is active here: only the workflow minds */
bool evidence[INSTANCES];                   /* its message was seen outside */
bool task_open[INSTANCES];                  /* a person is asked to settle an unknown outcome */
bool locked[INSTANCES];                     /* the lead's lock, where a transaction takes more than one step */

/* --- time: it passes for each claim by itself, which is more orders than there are ------------------------------- */
byte age[ATTEMPTS + 1];
bool may_cross[ATTEMPTS + 1];               /* its process has yet to come to the end of its gate */

/* --- what Temporal holds ----------------------------------------------------------------------------------------- */
byte attempts;                              /* the tokens given so far */
byte current[INSTANCES] = 1;                /* the run that is alive; an operator's reset makes the next one */
mtype result[ATTEMPTS + 1] = NOTHING;       /* what an attempt has reported */
mtype unrecorded[ATTEMPTS + 1] = NOTHING;   /* and the outcome that it could not record */
byte result_of[ATTEMPTS + 1];               /* the generation that a reported pause is of */
chan inbox[INSTANCES] = [6] of { mtype, byte };     /* a word, and the try that it was said of */
mtype at[INSTANCES] = ACTIVE;               /* what the current run believes: Progress.status */
byte seen[INSTANCES];                       /* the generation whose unknown outcome it shows to people */

/* --- what nobody in the system knows: the truth, for the assertions ---------------------------------------------- */
byte rows[INSTANCES];                       /* drafts inserted */
byte copies[INSTANCES];                     /* messages that the server took, but for those that an operator wrongly denied */
byte wrote[INSTANCES];                      /* the generation whose terminator was written last */
bool out[INSTANCES];                        /* its message did go out */
byte in_window[INSTANCES];                  /* processes between their gate's yes and the terminator, where that is a step */
bool may_be_out[INSTANCES];                 /* a terminator was written, and nobody who knows has said it was in vain */
bool stop_committed[INSTANCES];
bool looked;                                /* the pause signal was sent */
byte first_seen;
mtype said[WORDS] = NOTHING;
byte spoken;
bool ahead;                                 /* what was settled has not been heard of by the run: a person sees it wait */
bool beyond;                                /* the search ends here: the bound on ATTEMPTS, not an end of a follow-up */

#define other (INSTANCES - 1 - i)
#define in_flight(n) (state[n] == SENDING || state[n] == UNKNOWN)
#define thread_busy (instances == 2 && in_flight(other))
#define final(i) (status[i] == STOPPED || status[i] == COMPLETED)
#define unlocked(i) (!locked[i])
#define holds(i, token) (state[i] == SENDING && claim_token[i] == token)

#define same_run_gives_up (FRESH_CLAIMS_ARE_SETTLED -> FRESH : AGED)
#define other_run_gives_up (ANY_RUN_GIVES_UP -> AGED : OVERDUE)
#define given_up(i, this_run) (age[claim_token[i]] >= (claim_run[i] == this_run -> same_run_gives_up : other_run_gives_up))
/* a held workflow looks again; looking without effect is left out, so that every path of the search ends */
#define worth_a_look(i, this_run) ((state[i] != SENDING || given_up(i, this_run)) && !thread_busy)

#define ages(t) (age[t] < OVERDUE && counts(t))
#define counts(t) (may_cross[t] || claim_token[0] == t || claim_token[INSTANCES - 1] == t)
inline forget(token) {
    if :: !counts(token) -> age[token] = 0 :: else fi
}

#define broken(is_so, sentence) if :: is_so -> printf(sentence); assert(false) :: else fi

/* A word reaches the current run. It is of the try whose unknown outcome the run shows just then. */
inline tell(word) { assert(nfull(inbox[i])); inbox[i]!word, (at[i] == PAUSED -> seen[i] : 0) }

/* --- transactions/record.py ------------------------------------------------------------------------------------- */
inline set_status(to) {                     /* a final status stays as it is */
    if :: !final(i) -> status[i] = to :: else fi
}

inline settle_as(to) {                      /* nobody reads the claim of a draft that is settled: it is forgotten here */
    state[i] = to; claim_token[i] = 0; claim_run[i] = 0; task_open[i] = false
}

inline release() { settle_as(PENDING); generation[i]++ }

inline stop_instance() {                    /* stop: what was not claimed yet never will be */
    if :: state[i] == PENDING -> state[i] = STOPPED :: else fi;
    set_status(STOPPED);
    answer = STOPPED
}

inline go_on() { set_status(COMPLETED); answer = DONE }

inline settle_as_seen() {
    settle_as(SENT);
    if :: status[i] == STOPPED -> answer = STOPPED :: else -> go_on() fi
}

inline mark_unknown() {
    if
    :: evidence[i] -> printf("|     its message was seen outside: sent\n"); settle_as_seen()
    :: else -> state[i] = UNKNOWN; task_open[i] = true; claim_run[i] = 0; set_status(PAUSED); answer = PAUSED
    fi
}

inline standing() {
    if
    :: state[i] == UNKNOWN -> answer = PAUSED
    :: state[i] == SENDING -> answer = HELD
    :: state[i] != UNKNOWN && state[i] != SENDING ->
        if
        :: status[i] == STOPPED -> answer = STOPPED
        :: status[i] != STOPPED && (state[i] == SENT || state[i] == SKIPPED
            || (state[i] == REFUSED && status[i] != PAUSED)) -> answer = DONE
        :: else -> answer = (status[i] == PAUSED -> PAUSED : HELD)
        fi
    fi
}

#define answers(token) ((RECORD_WITHOUT_TOKEN || claim_token[i] == token) && in_flight(i))

inline record(token, outcome) {             /* sets `answer`, and `late` */
    late = false;
    if
    :: !answers(token) -> printf("|     a late answer: noted, nothing changes\n"); standing()
    :: else ->
        late = (state[i] == UNKNOWN);
        if
        :: outcome == SENT -> settle_as(SENT); go_on()
        :: outcome == REFUSED -> settle_as(REFUSED); set_status(PAUSED); answer = PAUSED
        :: outcome == NOT_SENT ->
            broken(claim_token[i] != token && may_be_out[i], "| I3: what may have been sent is released by the answer of another claim\n");
            release(); set_status(ACTIVE); answer = HELD
        :: outcome == UNKNOWN -> mark_unknown()
        fi;
        if
        :: status[i] == STOPPED && outcome != UNKNOWN -> stop_instance()
        :: else
        fi
    fi
}

/* --- transactions/settle.py -------------------------------------------------------------------------------------- */
inline settle_sending(this_run) {
    if
    :: given_up(i, this_run) -> printf("|     the claim of attempt %d is given up: unknown\n", claim_token[i]); mark_unknown()
    :: else -> answer = HELD
    fi
}

#define nobody_dares (WINDOW_UNUSED && in_window[i] > 0)
#define too_early (nobody_dares || (!NOT_SENT_AT_ONCE && age[claim_token[i]] < OVERDUE))
#define another_try (!WORDS_OF_ANY_TRY && said_of < generation[i])    /* a later claim is overdue later */

inline settle_unknown(word, said_of) {
    if
    :: word == APP_STOP -> stop_instance(); standing()
    :: word == NOTHING || word == LOOK -> standing()
    :: else ->
        if
        :: word == NOT_SENT && too_early -> printf("|     refused: it may still be answered\n"); answer = NO
        :: else ->
            if
            :: word == NOT_SENT && another_try -> printf("|     refused: it was said of another try\n"); answer = NO
            :: else ->
                if
                :: word == NOT_SENT ->
                    printf("|     released: generation %d\n", generation[i] + 1);
                    /* a person who is wrong makes a second copy: that is written down, and not held against the protocol */
                    if :: said_of == generation[i] -> may_be_out[i] = false; copies[i] = 0 :: else fi;
                    release()
                :: word == SKIP || word == STOP -> settle_as(SKIPPED)
                :: word == RESUME || word == SAY_SENT -> settle_as(SENT) /* a duplicate is worse than a miss */
                fi;
                if
                :: word == STOP || status[i] == STOPPED -> stop_instance()
                :: else ->
                    set_status(ACTIVE);
                    if :: state[i] == PENDING -> answer = READY :: else -> go_on() fi
                fi
            fi
        fi
    fi
}

inline settle_still(word) {
    if
    :: state[i] == ABSENT || state[i] == PENDING ->
        if
        :: word == NOTHING || word == LOOK -> if :: status[i] == PAUSED -> standing() :: else -> answer = READY fi
        :: word == RESUME -> set_status(ACTIVE); answer = READY
        :: word == SKIP -> if :: state[i] == PENDING -> state[i] = SKIPPED :: else fi; set_status(ACTIVE); go_on()
        :: else -> answer = NO
        fi
    :: state[i] == REFUSED && (word == RESUME || word == SKIP) -> set_status(ACTIVE); go_on()
    :: else ->
        if
        :: word == RESUME -> set_status(ACTIVE)
        :: else
        fi;
        if
        :: word == NOTHING || word == LOOK || word == RESUME || (word == SAY_SENT && state[i] == SENT) -> standing()
        :: else -> answer = NO
        fi
    fi
}

inline settle(this_run, word, said_of) {              /* sets `answer` */
    answer = NOTHING;
    if
    :: state[i] == SENDING -> settle_sending(this_run);
        if :: answer != HELD && (word == STOP || word == APP_STOP) -> answer = NOTHING :: else fi
    :: else
    fi;
    if
    :: answer != NOTHING
    :: answer == NOTHING && state[i] == UNKNOWN -> settle_unknown(word, said_of)
    :: else ->
        if
        :: final(i) -> standing()
        :: !final(i) && (word == STOP || word == APP_STOP) -> stop_instance()
        :: else -> settle_still(word)
        fi
    fi
}

/* --- transactions/claim.py -------------------------------------------------------------------------------------- */
#define the_status (STOP_READ_BEFORE -> status_read : status[i])
#define thread_forbids (!THREAD_UNGUARDED && !THREAD_BY_INDEX_ALONE && busy)   /* what the facts say, read before */
#define index_forbids (!THREAD_UNGUARDED && thread_busy)             /* what the unique index says, in the claim itself */

#define seen_outside (!EVIDENCE_UNREAD && evidence[i])

inline claim_draft() {
    printf("|     attempt %d claims the draft, generation %d\n", token, generation[i]);
    broken(stop_committed[i], "| I4: a claim begins although a stop was committed before it\n");
    broken(may_be_out[i], "| I3: what may have been sent is claimed again, and nobody said that it was not sent\n");
    broken(evidence[i], "| I3: what was seen outside is claimed again\n");
    if :: state[i] == ABSENT -> rows[i]++; broken(rows[i] != 1, "| I1: a second draft of one step\n") :: else fi;
    state[i] = SENDING; claim_token[i] = token; claim_run[i] = this_run; age[token] = FRESH; may_cross[token] = true;
    mine = generation[i];
    broken(in_flight(0) && in_flight(1), "| I5: two drafts of one thread are in flight\n")
}

inline claim_step() {                       /* sets `answer`; NOTHING when the claim is ours */
    answer = NOTHING;
    if
    :: holds(i, token) -> printf("|     its token says that it has claimed already\n")
    :: state[i] == SENDING && !holds(i, token) -> settle_sending(this_run)
    :: state[i] != SENDING && state[i] != ABSENT && state[i] != PENDING -> standing()
    :: else ->                              /* domain/permission.py: forbidden */
        if
        :: the_status == STOPPED || the_status == COMPLETED -> answer = STOPPED
        :: the_status == PAUSED -> answer = PAUSED
        :: else ->
            if
            :: seen_outside -> printf("|     its message was seen outside: it pauses\n"); set_status(PAUSED); answer = PAUSED
            :: !seen_outside && (thread_forbids || index_forbids) -> printf("|     held: the thread is busy\n"); answer = HELD
            :: else -> claim_draft()
            fi
        fi
    fi
}

/* --- activities/steps.py ----------------------------------------------------------------------------------------- */

inline write_terminator() {
    printf("| attempt %d writes the terminator (generation %d, claim <%d>)\n", token, mine, state[i]);
    broken(!held_when_asked, "| I2: a claim that was settled before its gate was asked writes the terminator\n");
    broken(wrote[i] == mine, "| I2: two terminators of one generation\n");
    wrote[i] = mine;
    may_be_out[i] = true;
    if
    :: taken = true; copies[i]++; out[i] = true; printf("|     the server takes the message: copy %d\n", copies[i])
    :: taken = false; printf("|     the server does not take it\n")
    fi;
    broken(copies[i] > 1, "| I2: a second copy, and no operator was wrong\n")
}

inline in_vain() {                          /* somebody who knows says so, unless a later claim may be out by now */
    if :: wrote[i] == mine -> may_be_out[i] = false :: else fi
}

inline die() {                              /* what nobody reads any more is forgotten: it would only tell equal states apart */
    may_cross[token] = false; forget(token);
    answer = NOTHING; outcome = NOTHING; status_read = ACTIVE;
    mine = 0; held_when_asked = false; taken = false; late = false; busy = false;
    goto dead
}

inline report() {                           /* what the activity returns; what nobody listens to any more is lost */
    if
    :: result[reports_to] != NOTHING         /* nobody listens any more */
    :: result[reports_to] == NOTHING -> result[reports_to] = answer;
        if
        :: answer == PAUSED && state[i] == UNKNOWN -> result_of[reports_to] = generation[i]
        :: answer == UNRECORDED -> unrecorded[reports_to] = outcome
        :: else
        fi
    :: !calm -> printf("| attempt %d: its worker dies before Temporal knows of it\n", token)
    fi
}

inline finish(what) {                       /* _record, and the activity's end */
    outcome = what;
    may_cross[token] = false;
    if
    :: outages_left > 0 -> outages_left--;
        printf("| attempt %d can't record its outcome, and hands it to the workflow: <%d>\n", token, outcome);
        answer = UNRECORDED
    :: printf("| attempt %d records its outcome: <%d>\n", token, outcome);
        record(token, outcome);
        if :: outcome == UNKNOWN && resets_left > 0 -> looked = true :: else fi;
        if :: late && answer != PAUSED -> tell(RESUME) :: else fi
    fi;
    report();
    die()
}

#define asks_for_lease (!GATE_WITHOUT_LEASE && !LEASE_BY_OWN_CLOCK_ALONE)
#define looks_at_lease (!GATE_WITHOUT_LEASE && !LEASE_BY_DATABASE_ALONE)
#define reads_before (STOP_READ_BEFORE || instances == 2)

/* One attempt at deliver_step: claim, call, record. Its token is its number; `nth` is its number in Temporal. */
proctype deliver_step(byte i; byte this_run; byte token; byte nth; byte reports_to) {
    mtype answer = NOTHING, outcome = NOTHING, status_read = ACTIVE;
    byte mine;
    bool held_when_asked, taken, late, busy;

    if
    :: nth == 1 && !reads_before
    :: atomic { nth == 1 && reads_before && unlocked(i) -> status_read = status[i];
            printf("| attempt %d reads the facts: the follow-up is <%d>\n", token, status[i]);
            /* two leads have two locks: what the facts say of the other's draft may be old when the claim is written */
            if :: instances == 2 -> locked[i] = true; busy = thread_busy :: else fi }
    :: atomic { nth == 2 && ATTEMPT_TWO_SENDS && unlocked(i) && state[i] == SENDING && claim_run[i] == this_run ->
            printf("| attempt %d is Temporal's second: it takes over what the first had claimed\n", token);
            claim_token[i] = token; age[token] = FRESH; may_cross[token] = true; mine = generation[i];
            broken(may_be_out[i], "| I3: what may have been sent is claimed again, and nobody said that it was not sent\n");
            goto gate }
    :: nth == 2 && ATTEMPT_TWO_CLAIMS
    :: atomic { nth == 2 && !ATTEMPT_TWO_CLAIMS && unlocked(i) ->  /* _look: an attempt after the first never sends */
            printf("| attempt %d is Temporal's second: it looks, and never sends\n", token);
            settle(this_run, NOTHING, 0);
            if :: answer == READY -> answer = HELD :: else fi;
            report(); die() }
    fi;
claiming:
    if
    :: atomic { !calm -> printf("| attempt %d: its worker dies before it has claimed anything\n", token);
            if :: reads_before && instances == 2 -> locked[i] = false :: else fi;
            die() }
    :: atomic { unlocked(i) || (reads_before && instances == 2) ->
            printf("| attempt %d of run %d wants to deliver the step of follow-up %d\n", token, this_run, i + 1);
            claim_step();
            locked[i] = false;
            if :: answer != NOTHING -> report(); die() :: else fi;
            if
            :: true                         /* whose COMMIT is not answered asks again: activities/steps.py, _while_up */
            :: crashes_left > 0 -> crashes_left--; printf("| the database crashes when it has committed, and does not answer\n");
                goto claiming
            fi }
    fi;

gate:
    if
    :: atomic { !calm -> printf("| attempt %d: its worker dies\n", token); die() }
    :: atomic { !calm -> printf("| attempt %d fails before the point of no return\n", token); finish(NOT_SENT) }
    :: atomic { !calm -> printf("| attempt %d is refused before the point of no return\n", token); finish(REFUSED) }
    :: atomic {
            held_when_asked = holds(i, token);
            if                              /* holds_claim: the token, and the lease by PostgreSQL's clock */
            :: GATE_WITHOUT_TOKEN -> printf("| attempt %d asks its gate, which asks nobody\n", token)
            :: !GATE_WITHOUT_TOKEN && holds(i, token) && (age[token] < LEASE_OVER || !asks_for_lease) ->
                printf("| attempt %d asks its gate: the database says that it still holds\n", token)
            :: else -> printf("| attempt %d asks its gate: it holds no longer, and writes nothing\n", token); finish(NOT_SENT)
            fi }
    fi;
    if
    :: atomic { !calm -> printf("| attempt %d: its worker dies\n", token); die() }
    :: atomic { true ->                     /* an `else` below must not mean the option above, too: spin would take it so */
            if
            :: age[token] >= LEASE_OVER && looks_at_lease ->       /* by its own clock: the answer may have been long in coming */
                printf("| attempt %d: its lease is over, and it writes nothing\n", token); finish(NOT_SENT)
            :: else
            fi;
            may_cross[token] = false;
            /* in one process nothing is awaited from here to the terminator; with the window open it may be suspended */
            if
            :: WINDOW -> printf("| attempt %d: its gate says yes\n", token); in_window[i]++
            :: else -> write_terminator(); goto written
            fi }
    fi;
    if
    :: atomic { printf("| attempt %d: its worker dies\n", token); in_window[i]--; die() }
    :: atomic { in_window[i]--; write_terminator() }
    fi;
written:
    if                                      /* suspended here, it reads its answer late */
    :: atomic { !calm -> printf("| attempt %d: its worker dies\n", token); die() }
    :: atomic { taken -> printf("| attempt %d is answered: taken\n", token); finish(SENT) }
    :: atomic { !taken -> printf("| attempt %d is answered: refused\n", token); in_vain(); finish(REFUSED) }
    :: atomic { !taken -> printf("| attempt %d is answered: not now, by policy\n", token); in_vain(); finish(NOT_SENT) }
    :: atomic { printf("| attempt %d is answered: not now, for a trouble behind the server\n", token);
            if                              /* smtp_outcome.py: any other 4yz, whether or not the message is delivered */
            :: LATE_DEFERRAL_PROVES -> in_vain(); finish(NOT_SENT)
            :: else -> finish(UNKNOWN)
            fi }
    :: atomic { printf("| attempt %d gets no answer\n", token); finish(UNKNOWN) }
    fi;

dead:
    skip
}

/* --- workflows/follow_up.py -------------------------------------------------------------------------------------- */
#define over(i) (at[i] == COMPLETED || at[i] == STOPPED)
inline apply() {                            /* Progress.apply takes in `answer`; `said_of` is the generation it shows as unknown */
    if
    :: answer == DONE -> at[i] = COMPLETED
    :: answer == HELD || answer == PAUSED || answer == STOPPED -> at[i] = answer
    :: answer == READY -> at[i] = ACTIVE
    :: answer == NO
    fi;
    if :: answer != NO -> seen[i] = said_of :: else fi;
    if :: seen[i] > 0 && resets_left > 0 && first_seen == 0 -> first_seen = said_of :: else fi;
    answer = NOTHING; late = false; word = NOTHING; said_of = 0;
    if :: over(i) -> goto gone :: else -> goto turn fi
}
#define unknown_generation (answer == PAUSED && state[i] == UNKNOWN -> generation[i] : 0)

#define terminated (current[i] != this_run)
#define settleable (state[i] != SENDING || given_up(i, this_run))  /* else settle answers Held, and is asked again later */

/* settle_step is retried until it succeeds: an attempt that was given up may be committed too, and late */
proctype straggler(byte i; byte this_run; byte word; byte said_of) {
    mtype answer;
    atomic { unlocked(i) -> printf("| a settle_step of run %d that was given up is committed now: <%d>\n", this_run, word);
        settle(this_run, word, said_of); answer = NOTHING; ahead = true }
}

proctype FollowUpWorkflow(byte i; byte this_run) {
    mtype word = NOTHING, answer = NOTHING;
    byte said_of, mine;
    bool late;

turn:
end_turn:                                   /* paused, or held for another's sake: Watch says whether that is an end */
    do
    :: atomic { terminated -> goto gone }
    :: atomic { !terminated && nempty(inbox[i]) && unlocked(i) && settleable -> inbox[i]?word, said_of;
            if
            :: at[i] != PAUSED && word == CONTRADICTED ->                             /* pause_for: one that has ended stays so */
                printf("| run %d of follow-up %d obeys: <%d>\n", this_run, i + 1, word);
                set_status(PAUSED); standing(); said_of = 0;
                apply()
            :: at[i] != PAUSED && word != LOOK && word != CONTRADICTED && word != STOP && word != APP_STOP -> /* there is nothing to resume */
                word = NOTHING; said_of = 0
            :: at[i] == PAUSED && (word == LOOK || word == CONTRADICTED) -> word = NOTHING; said_of = 0         /* it is paused already */
            :: else ->
                if
                :: stragglers_left > 0 && word != LOOK -> stragglers_left--; run straggler(i, this_run, word, said_of)
                :: true
                fi;
                printf("| run %d of follow-up %d obeys: <%d>\n", this_run, i + 1, word);
                settle(this_run, word, said_of);
                said_of = unknown_generation;
                apply()
            fi }
    :: atomic { !terminated && empty(inbox[i]) && (at[i] == ACTIVE || (at[i] == HELD && worth_a_look(i, this_run))) ->
            if
            :: attempts == max_attempts -> beyond = true; goto gone
            :: else -> attempts++; mine = attempts; run deliver_step(i, this_run, mine, 1, mine); goto delivering
            fi }
    od;

delivering:
    do
    :: atomic { terminated -> result[mine] = LOST; goto gone }
    :: atomic { !terminated && result[mine] == UNRECORDED && unlocked(i) ->
            printf("| run %d records what attempt %d could not: <%d>\n", this_run, mine, unrecorded[mine]);
            record(mine, unrecorded[mine]);
            result[mine] = LOST; unrecorded[mine] = NOTHING; mine = 0;
            said_of = unknown_generation;
                apply() }
    :: atomic { !terminated && result[mine] != NOTHING && result[mine] != UNRECORDED ->
            answer = result[mine]; said_of = result_of[mine];
            result[mine] = LOST; result_of[mine] = 0; mine = 0;
            apply() }
    :: atomic { !terminated && result[mine] == NOTHING && reruns_left > 0 && attempts < max_attempts -> reruns_left--; attempts++;
            run deliver_step(i, this_run, attempts, 2, mine) }
    :: atomic { !terminated && result[mine] == NOTHING && unlocked(i) && settleable ->
            printf("| run %d hears no heartbeat of attempt %d any more\n", this_run, mine);
            result[mine] = LOST; mine = 0;
            settle(this_run, NOTHING, 0);
            said_of = unknown_generation;
                apply() }
    od;

gone:
    mine = 0
}

/* --- people, the app, and time ----------------------------------------------------------------------------------- */
/* what is heard where nothing waits for a word changes nothing, but for a stop: `fingers` says it there, too */
#define listens(i) ((fingers && !over(i)) || (at[i] == PAUSED && empty(inbox[i])))

proctype Operator(byte i) {
    mtype word = NOTHING;
end_operator:
    do
    :: atomic { words_left > 0 && !beyond && listens(i) ->
            if
            :: word = NOT_SENT
            :: !only_not_sent -> if :: word = RESUME :: word = SAY_SENT :: word = SKIP :: word = STOP fi
            fi;
            printf("| an operator says <%d>\n", word);
            if :: resets_left > 0 -> said[spoken] = word; spoken++ :: else fi;
            words_left--; tell(word); word = NOTHING }
    od
}

proctype App(byte i) {                      /* transactions/event.py: the facts in one transaction, then the workflow */
    mtype answer = NOTHING;
end_app:
    atomic { stops_left > 0 && unlocked(i) && !beyond -> stops_left--;
        printf("| the app says that the lead has replied: the follow-up is stopped\n");
        stop_instance(); answer = NOTHING;
        stop_committed[i] = true };
    atomic { tell(APP_STOP) }
}

proctype Witness(byte i) {                  /* transactions/evidence.py: take_evidence, then the workflow is told */
    mtype answer = NOTHING, word = NOTHING;
end_witness:
    atomic { evidence_left > 0 && out[i] && unlocked(i) && !beyond -> evidence_left--; evidence[i] = true;
        printf("| the message is seen outside; its draft is <%d>\n", state[i]);
        if
        :: state[i] == UNKNOWN -> settle_as_seen(); word = RESUME
        :: state[i] == PENDING && status[i] == ACTIVE -> set_status(PAUSED); word = CONTRADICTED
        :: else
        fi;
        answer = NOTHING };
    atomic { if :: word != NOTHING -> tell(word); word = NOTHING :: else fi }
}

proctype Resetter(byte i) {                 /* the Web UI's reset: a new run, which is told again what the first was told */
    byte n;
end_resetter:
    atomic { resets_left > 0 && !beyond -> resets_left--; current[i] = 2;
        do :: nempty(inbox[i]) -> inbox[i]?_, _ :: empty(inbox[i]) -> break od;
        if
        :: printf("| an operator resets the workflow to its beginning: run 2\n"); at[i] = ACTIVE; seen[i] = 0;
            if :: looked -> tell(LOOK) :: else fi
        :: first_seen > 0 -> printf("| an operator resets the workflow to its first pause: run 2\n");
            at[i] = PAUSED; seen[i] = first_seen; ahead = true
        fi;
        for (n : 0 .. WORDS - 1) { if :: said[n] != NOTHING -> tell(said[n]); said[n] = NOTHING :: else fi };
        if :: stop_committed[i] -> tell(APP_STOP) :: else fi;
        n = 0; looked = false; first_seen = 0; spoken = 0;
        run FollowUpWorkflow(i, 2) }
}

/* store/engine.py: what is committed and answered is on disk (synchronous_commit). Else a crash takes the last second back;
 * nothing else is committed of a follow-up in that second, so scenes with a crash have no stops and no evidence */
proctype Crash(byte i) {
end_crash:
    atomic { crashes_left > 0 && COMMITS_UNPINNED && state[i] == SENDING && age[claim_token[i]] == FRESH && !beyond -> crashes_left--;
        printf("| the database crashes, and has forgotten the claim of attempt %d\n", claim_token[i]);
        if :: generation[i] == 1 -> state[i] = ABSENT; rows[i] = 0 :: else -> state[i] = PENDING fi;
        claim_token[i] = 0; claim_run[i] = 0 }
}

proctype Silence(byte i) {                  /* a job that releases what nobody has answered for long enough */
end_silence:
    atomic { RELEASED_ON_SILENCE && unlocked(i) && state[i] == UNKNOWN && age[claim_token[i]] == OVERDUE ->
        printf("| nobody has answered for long: the draft is released\n");
        release(); set_status(ACTIVE); tell(RESUME) }
}

proctype Clock() {
end_clock:
    do
    :: atomic { ages(1) -> age[1]++ }
    :: atomic { ages(2) -> age[2]++ }
    :: atomic { ages(3) -> age[3]++ }
    od
}

#define ended(i) (over(i) && final(i) && !in_flight(i))
#define waits(i) (at[i] == PAUSED && (status[i] == PAUSED || state[i] == UNKNOWN || ahead) && (state[i] != UNKNOWN || task_open[i]))
#define waits_for_other(i) (at[i] == HELD && state[other] == UNKNOWN && task_open[other])

proctype Watch(byte i) {                    /* when nobody can do anything any more */
    timeout ->
    if
    :: beyond
    :: else -> broken(!(ended(i) || waits(i) || waits_for_other(i)), "| Silence: it neither ends nor waits for a person\n")
    fi
}

init {
    byte i, n;
    atomic {
        c_code {
#define said_to_pan(name) (getenv(name) ? atoi(getenv(name)) : 0)
            now.variant = said_to_pan("MODEL_VARIANT"); now.instances = said_to_pan("MODEL_INSTANCES");
            now.max_attempts = said_to_pan("MODEL_ATTEMPTS"); now.words_left = said_to_pan("MODEL_WORDS");
            now.resets_left = said_to_pan("MODEL_RESETS"); now.reruns_left = said_to_pan("MODEL_RERUNS");
            now.stragglers_left = said_to_pan("MODEL_STRAGGLERS"); now.stops_left = said_to_pan("MODEL_STOPS");
            now.evidence_left = said_to_pan("MODEL_EVIDENCE"); now.outages_left = said_to_pan("MODEL_OUTAGES");
            now.crashes_left = said_to_pan("MODEL_CRASHES");
            now.fingers = said_to_pan("MODEL_FINGERS"); now.calm = said_to_pan("MODEL_CALM"); now.only_not_sent = said_to_pan("MODEL_ONLY_NOT_SENT");
        };
        /* what may happen may also not happen: a person who does not come, a lead who does not reply */
        select(n : 0 .. words_left); words_left = n; select(n : 0 .. resets_left); resets_left = n;
        select(n : 0 .. reruns_left); reruns_left = n; select(n : 0 .. stragglers_left); stragglers_left = n;
        select(n : 0 .. stops_left); stops_left = n; select(n : 0 .. evidence_left); evidence_left = n;
        select(n : 0 .. outages_left); outages_left = n;
        select(n : 0 .. crashes_left); crashes_left = n; n = 0;
        for (i : 0 .. instances - 1) {
            run FollowUpWorkflow(i, 1); run Operator(i); run App(i); run Witness(i); run Resetter(i); run Watch(i);
            run Silence(i); run Crash(i)
        }
        run Clock()
    }
}
