/* What the programs that check rules share: each rule that is broken is printed, and counted. */
static int broken;

/* A call's code. */
static inline void check(DWORD got, DWORD expected, const char *what, int line)
{
    if (got == expected)
        return;
    broken++;
    printf("line %d: %s gave %u, not %u\n", line, what, got, expected);
}

/* A call's code, and the last error after it. */
static inline void check_both(DWORD got, DWORD expected, DWORD last, const char *what, int line)
{
    if (got == expected && GetLastError() == last)
        return;
    broken++;
    printf("line %d: %s gave %u (last error %u), not %u\n", line, what, got, GetLastError(), expected);
}

static inline void holds(int fact, const char *what, int line)
{
    if (fact)
        return;
    broken++;
    printf("line %d: %s does not hold\n", line, what);
}

#define HOLDS(fact) holds(!!(fact), #fact, __LINE__)
