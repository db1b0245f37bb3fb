// GELU in its exact form: gelu(z) = z * (1 + erf(z / sqrt(2))) / 2. GLSL has no erf.

// Error function, absolute error below 1.2e-7. Minimax fits of our own: erf(a) / a in a^2 on [0, 1], and
// log(1 - erf(a)) on [1, 4]; beyond 4 the result rounds to 1.
float erf(float z) {
    const float a = min(abs(z), 4.0);
    const float s = a * a;
    float near = 7.646660378668457e-05;
    near = fma(near, s, -0.0007942212978377938);
    near = fma(near, s, 0.005179732572287321);
    near = fma(near, s, -0.026848582550883293);
    near = fma(near, s, 0.11283429712057114);
    near = fma(near, s, -0.3761260509490967);
    near = fma(near, s, 1.1283791065216064) * a;
    float far = 0.00018557399744167924;
    far = fma(far, a, -0.002939607249572873);
    far = fma(far, a, 0.02180531807243824);
    far = fma(far, a, -0.10303737223148346);
    far = fma(far, a, -0.6382256746292114);
    far = fma(far, a, -1.1270400285720825);
    far = fma(far, a, -0.00035371925332583487);
    const float magnitude = a < 1.0 ? near : 1.0 - exp(far);
    return z < 0.0 ? -magnitude : magnitude;
}

float gelu(float z) {
    return 0.5 * z * (1.0 + erf(z * 0.70710678118654752));
}
